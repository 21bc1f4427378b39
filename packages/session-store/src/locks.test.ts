import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { access, chmod, constants, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { codexHomeOf, lockThread, lockWorkspace } from "./locks.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const LOCK_FILE = ".plexum-codex-session.lock";

type Holder = ChildProcessByStdio<Writable, Readable, null>;

/** Starts another process that tries to acquire the lock, and returns what it prints. */
async function holder(workspace: string, identity: { uid?: number; gid?: number } = {}): Promise<[Holder, string]> {
  const program = join(import.meta.dirname, "../test/holder.ts");
  const child = spawn(process.execPath, [program, workspace], { stdio: ["pipe", "pipe", "inherit"], ...identity });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [said] = await once(child.stdout.setEncoding("utf8"), "data");
  return [child, String(said).trim()];
}

describe("a lock is held by one at a time", () => {
  test("in one process; it can be acquired again after a release, also a repeated one", async () => {
    await using folder = await temporaryFolder();
    const lock = await lockWorkspace(folder.path);
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining(folder.path),
    });
    await lock[Symbol.asyncDispose]();
    await lock[Symbol.asyncDispose]();
    await using _again = await lockWorkspace(folder.path);
  });

  test("across processes, in both directions", async () => {
    await using folder = await temporaryFolder();
    const [child, said] = await holder(folder.path);
    expect(said).toBe("held");
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({ code: "busy" });
    child.stdin.end();
    await once(child, "exit");
    await using _lock = await lockWorkspace(folder.path);
    expect((await holder(folder.path))[1]).toBe("busy");
  });

  test("a killed holder releases it", async () => {
    await using folder = await temporaryFolder();
    const [child] = await holder(folder.path);
    child.kill("SIGKILL");
    await once(child, "exit");
    await using _lock = await lockWorkspace(folder.path);
  });

  test("whatever link leads to the workspace", async () => {
    await using folder = await temporaryFolder();
    const [workspace, link] = [join(folder.path, "workspace"), join(folder.path, "link")];
    await mkdir(workspace);
    await symlink(workspace, link);
    await using _lock = await lockWorkspace(workspace);
    await expect(lockWorkspace(link)).rejects.toMatchObject({ code: "busy" });
  });

  test("of many concurrent callers, exactly one gets it", async () => {
    await using folder = await temporaryFolder();
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => lockWorkspace(folder.path)));
    const held = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(held).toHaveLength(1);
    await held[0]?.[Symbol.asyncDispose]();
  });
});

describe("a caller waits", () => {
  test("until the holder releases the lock", async () => {
    await using folder = await temporaryFolder();
    const [child] = await holder(folder.path);
    const waiting = lockWorkspace(folder.path, { waitMs: 20_000 });
    child.kill("SIGKILL");
    await using _lock = await waiting;
  });

  test("in the order of the calls, through any link, even if another caller gives up", async () => {
    await using folder = await temporaryFolder();
    const [workspace, link] = [join(folder.path, "workspace"), join(folder.path, "link")];
    await mkdir(workspace);
    await symlink(workspace, link);
    for (let round = 0; round < 6; round++) {
      const served: number[] = [];
      const holding = await lockWorkspace(workspace);
      const given = new AbortController();
      const waiting = Array.from({ length: 5 }, async (_, number) => {
        await delay(number * 6);
        const signal = number === 2 ? given.signal : undefined;
        await using _lock = await lockWorkspace(number % 2 === 0 ? workspace : link, { waitMs: 20_000, signal });
        served.push(number);
      });
      await delay(40 + round * 5);
      given.abort(new Error("no longer"));
      await holding[Symbol.asyncDispose]();
      const ends = await Promise.allSettled(waiting);
      expect(ends.map(({ status }) => status)).toEqual(ends.map((_, n) => (n === 2 ? "rejected" : "fulfilled")));
      expect(served).toEqual([0, 1, 3, 4]);
    }
  });

  test("no longer than waitMs", async () => {
    await using folder = await temporaryFolder();
    await using _lock = await lockWorkspace(folder.path);
    await expect(lockWorkspace(folder.path, { waitMs: 60 })).rejects.toMatchObject({ code: "busy" });
  });

  test("until a signal aborts, and gets its reason", async () => {
    await using folder = await temporaryFolder();
    await using _lock = await lockWorkspace(folder.path);
    const controller = new AbortController();
    const waiting = lockWorkspace(folder.path, { waitMs: 60_000, signal: controller.signal });
    const reason = new Error("no longer");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(lockWorkspace(folder.path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("the lock file", () => {
  test("is created with its folder, and stays, empty, as the only file", async () => {
    await using folder = await temporaryFolder();
    const workspace = join(folder.path, "new", "workspace");
    const lock = await lockWorkspace(workspace);
    expect(await readdir(workspace)).toEqual([LOCK_FILE]);
    await lock[Symbol.asyncDispose]();
    expect(await readdir(workspace)).toEqual([LOCK_FILE]);
    expect((await stat(join(workspace, LOCK_FILE))).size).toBe(0);
  });

  test("is accessible to its owner only, whatever the umask, and a file that others may read is repaired", async () => {
    await using folder = await temporaryFolder();
    const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
    const umask = process.umask(0);
    onTestFinished(() => {
      process.umask(umask);
    });
    const paths = [join(folder.path, LOCK_FILE), join(folder.path, "plexum-thread-locks", `${ID}.lock`)];
    for (const found of ["none", 0o644, 0o666, 0o640]) {
      for (const path of typeof found === "number" ? paths : []) await chmod(path, found);
      await using _workspace = await lockWorkspace(folder.path);
      await using _thread = await lockThread(folder.path, ID);
      for (const path of paths) expect(await modeOf(path), `${path} from ${found}`).toBe("600");
    }
    // Also while the lock is held.
    await using _lock = await lockWorkspace(folder.path);
    await chmod(paths[0] as string, 0o644);
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({ code: "busy" });
    expect(await modeOf(paths[0] as string)).toBe("600");
    expect((await holder(folder.path))[1]).toBe("busy");
  });

  test.runIf(process.platform === "linux")("is in the error, with the process that holds the lock", async () => {
    await using folder = await temporaryFolder();
    await using _own = await lockThread(folder.path, ID);
    await expect(lockThread(folder.path, ID)).rejects.toThrow(/held by this process\)/);
    const isSuperuser = process.getuid?.() === 0;
    await chmod(folder.path, 0o777);
    const [child, said] = await holder(folder.path, isSuperuser ? { uid: 65_534, gid: 65_534 } : {});
    expect(said).toBe("held");
    const owner = isSuperuser ? " of user 65534" : "";
    await expect(lockWorkspace(folder.path)).rejects.toThrow(
      new RegExp(`held by process ${child.pid} \\([^)]+\\)${owner}\\)`),
    );
  });

  test("is neither opened nor changed if it has content, or if a folder or a pipe is in its place; the error says why", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, LOCK_FILE);
    await writeFile(path, "something else\n");
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({
      code: "io",
      message: expect.stringContaining(path),
    });
    expect(await readFile(path, "utf8")).toBe("something else\n");
    const other = join(folder.path, "other");
    await mkdir(join(other, LOCK_FILE), { recursive: true });
    await expect(lockWorkspace(other)).rejects.toMatchObject({ code: "io" });
    await expect(lockWorkspace(path)).rejects.toMatchObject({ code: "io" });
    const piped = join(folder.path, "piped");
    await mkdir(piped);
    execFileSync("mkfifo", [join(piped, LOCK_FILE)]);
    await expect(lockWorkspace(piped)).rejects.toMatchObject({ code: "io" });
  });

  test("is refused if it is a link: nothing is created, locked or changed at its target", async () => {
    await using folder = await temporaryFolder();
    const other = join(folder.path, "other.sqlite");
    await symlink(other, join(folder.path, LOCK_FILE));
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({
      code: "io",
      message: expect.stringContaining("it is a link"),
    });
    expect(await readdir(folder.path)).toEqual([LOCK_FILE]);
    using database = new DatabaseSync(other);
    database.exec("PRAGMA journal_mode = WAL; CREATE TABLE kept (value)");
    await expect(lockWorkspace(folder.path)).rejects.toMatchObject({ code: "io" });
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  });

  test("is refused if this user may only read it, since it would lock nothing", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, LOCK_FILE);
    await writeFile(path, "", { mode: 0o444 });
    await chmod(folder.path, 0o555);
    // The superuser may write anywhere: try as another user.
    const mayWrite = await access(path, constants.W_OK).then(
      () => true,
      () => false,
    );
    const nobody = { uid: 65_534, gid: 65_534 };
    expect((await holder(folder.path, mayWrite ? nobody : {}))[1]).toBe("io");
    await chmod(folder.path, 0o755);
  });
});

test("a thread's lock depends on its id, in either case, and on its CODEX_HOME", async () => {
  await using folder = await temporaryFolder();
  await using _lock = await lockThread(folder.path, ID);
  await expect(lockThread(folder.path, ID.toUpperCase())).rejects.toMatchObject({ code: "busy" });
  await using _other = await lockThread(folder.path, ID.replace("0199", "0200"));
  await using _elsewhere = await lockThread(join(folder.path, "elsewhere"), ID);
  await expect(lockThread(folder.path, "../../etc/passwd")).rejects.toMatchObject({ code: "invalid_thread_id" });
});

test("the codex home is CODEX_HOME, otherwise ~/.codex", () => {
  expect(codexHomeOf({ CODEX_HOME: "/somewhere" })).toBe("/somewhere");
  for (const env of [{}, { CODEX_HOME: "" }]) expect(codexHomeOf(env)).toBe(join(homedir(), ".codex"));
});
