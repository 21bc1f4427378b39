import { randomUUID } from "node:crypto";
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { access, chmod, realpath, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Check, ok } from "./check.ts";

/** The folders that both codex and the plugin write to. */
const FOLDERS = ["", "sessions", "plexum-thread-locks"];

export const codexHome: Check = {
  id: "codex-home",
  meaning: "Turns fail: codex can't record its threads there, or the plugin can't lock them.",
  remedy:
    "Make the folder writable for the user that the host runs as, free some space, or set CODEX_HOME to another folder.",
  async run({ codexHome: home, env }) {
    const found = await lookAt(home);
    if (found === undefined) {
      if (env.CODEX_HOME)
        return {
          status: "error",
          title: `CODEX_HOME is ${home}, which does not exist`,
          remedy: "Create the folder, or correct CODEX_HOME.",
        };
      await access(dirname(home), constants.W_OK);
      return ok(`${home} does not exist yet: codex creates it`);
    }
    if (!found.isDirectory()) return { status: "error", title: `${home} is not a folder` };
    for (const folder of FOLDERS) {
      const path = join(home, folder);
      if ((await lookAt(path)) !== undefined) await tryToWrite(path);
    }
    if (found.uid !== process.getuid?.() && process.getuid !== undefined)
      return {
        status: "warning",
        title: `${home} belongs to user ${found.uid}, but the doctor runs as user ${process.getuid()}`,
        meaning: "If the host runs as that user, the other findings don't show what the host may read and write.",
        remedy: "Run the doctor as the user that the host runs as.",
      };
    return ok(`${home} can be written to`);
  },
};

/**
 * codex 0.135 to 0.169 create `~/.codex` with mode 755 and rollouts with 644, and keep the environment of a running turn in
 * `shell_snapshots` with 644. A folder above that is closed to others is enough.
 */
export const codexHomePrivate: Check = {
  id: "codex-home-private",
  meaning:
    "Other users of this machine can read the conversations, and during a turn the environment of codex with all its secrets.",
  remedy: "Close it to others: `chmod o= FOLDER`. `doctor --fix` does it.",
  async run({ codexHome: home }) {
    const found = await lookAt(home);
    if (found === undefined || process.platform === "win32") return ok("nothing to protect");
    const real = await realpath(home);
    if (!(await othersCanEnter(real))) return ok(`${home} is closed to other users`);
    return {
      status: "warning",
      title: `${home} is open to other users`,
      fix: found.uid === process.getuid?.() ? () => closeToOthers(real, found.mode) : undefined,
    };
  },
};

async function othersCanEnter(folder: string): Promise<boolean> {
  for (let path = folder; ; path = dirname(path)) {
    if (((await stat(path)).mode & constants.S_IXOTH) === 0) return false;
    if (path === dirname(path)) return true;
  }
}

async function closeToOthers(folder: string, mode: number): Promise<string> {
  await chmod(folder, mode & 0o770);
  return `${folder} is now closed to other users.`;
}

const lookAt = (path: string): Promise<Stats | undefined> =>
  stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

async function tryToWrite(folder: string): Promise<void> {
  const path = join(folder, `.plexum-doctor-${randomUUID()}`);
  try {
    await writeFile(path, Buffer.alloc(4096), { flag: "wx", flush: true });
  } finally {
    await rm(path, { force: true });
  }
}
