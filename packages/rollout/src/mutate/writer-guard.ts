import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * Keeps codex away from a thread while a new file replaces its rollout. Writing in place does not need this.
 *
 * Codex 0.147 and later holds `thread-writer-locks/<thread>.lock` with flock(2) for as long as it has the thread open, and does not
 * open the thread while another process holds it. Older versions have no lock, so the open files of all processes are checked too.
 *
 * - `held`: the lock is held. Node has no flock, so the util-linux program of that name holds it.
 * - `checked`: there is no lock or no such program. No process had the file open, but codex may start at any moment.
 * - `unknown`: nothing can be determined, as on systems other than Linux.
 * - `active`: codex has the thread open.
 */
export type WriterGuard = AsyncDisposable & { readonly state: "held" | "checked" | "unknown" | "active" };

/**
 * Guards a rollout against writers until the result is disposed of.
 * @param codexHomes The homes in which codex may have the thread open.
 * @throws Error of the file system if the rollout does not exist.
 */
export async function guardAgainstWriters(
  codexHomes: readonly string[],
  threadId: string,
  rollout: string,
): Promise<WriterGuard> {
  const none = async () => {};
  if (process.platform !== "linux") return { state: "unknown", [Symbol.asyncDispose]: none };
  const folders = codexHomes.map((home) => join(home, "thread-writer-locks")).filter(existsSync);
  const locks: Awaited<ReturnType<typeof flock>>[] = [];
  for (const folder of folders) locks.push(await flock(folder, `${threadId}.lock`));
  const release = async () => {
    for (const lock of locks) if (typeof lock === "function") await lock();
  };
  const state =
    locks.includes("refused") || isOpenForWriting(rollout)
      ? "active"
      : locks.includes("unusable")
        ? "unknown"
        : locks.length === 0 || locks.includes(undefined)
          ? "checked"
          : "held";
  if (state === "active") await release();
  return { state, [Symbol.asyncDispose]: state === "active" ? none : release };
}

/**
 * Acquires a lock as codex does. The lock file is created and locked while `.coordination.lock` is held, since a holder removes the
 * file on release. Releases it in the same way.
 */
async function flock(
  folder: string,
  name: string,
): Promise<(() => Promise<void>) | "refused" | "unusable" | undefined> {
  // Opening a pipe under either name would block forever.
  const script = `command -v flock >/dev/null || exit 127
for file in .coordination.lock "$1"; do [ ! -e "$file" ] || [ -f "$file" ] || exit 8; done
exec 8>>.coordination.lock && flock -w 5 8 || exit 7
exec 9>>"$1" && flock -n 9 || exit 7
flock -u 8
echo held
read -r _
flock -w 5 8 && rm -f "$1"`;
  const child = spawn("sh", ["-c", script, "sh", name], { cwd: folder, stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(child, "close").catch(() => [undefined]);
  const answer = await Promise.race([once(child.stdout, "data").catch(() => undefined), ended]);
  if (String(answer?.[0]).startsWith("held")) {
    return async () => {
      child.stdin.end();
      await ended;
    };
  }
  // 7: another process holds the lock. 8: a pipe or the like has its name. Anything else, such as 127: there is no flock program.
  const [code] = await ended;
  return code === 7 ? "refused" : code === 8 ? "unusable" : undefined;
}

/** Returns true if a process that this user may inspect has the file open for writing. */
function isOpenForWriting(path: string): boolean {
  const target = statSync(path, { bigint: true });
  return processes().some((pid) =>
    namesIn(`/proc/${pid}/fd`).some((fd) => {
      try {
        const stat = statSync(`/proc/${pid}/fd/${fd}`, { bigint: true });
        if (stat.ino !== target.ino || stat.dev !== target.dev) return false;
        const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1"))?.[1] ?? "0";
        return (Number.parseInt(flags, 8) & 3) !== 0;
      } catch {
        // The process has ended, or has closed the file.
        return false;
      }
    }),
  );
}

const processes = () => namesIn("/proc").filter((name) => /^\d+$/.test(name));

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
