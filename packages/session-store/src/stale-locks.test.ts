import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { threadId, writeRollout } from "../test/rollouts.ts";
import { temporaryFolder } from "../test/temporary-folder.ts";
import { lockThread } from "./locks.ts";
import { removeLock } from "./process-lock.ts";
import { staleThreadLocks } from "./stale-locks.ts";

const [kept, gone, held] = [threadId(1), threadId(2), threadId(3)];
const folderOf = (home: string) => join(home, "plexum-thread-locks");

/** A home with the locks of three threads: one that has a rollout, one that has none, and one that is held. */
async function home(path: string) {
  for (const id of [kept, gone]) await (await lockThread(path, id))[Symbol.asyncDispose]();
  await writeRollout(path, kept, "");
  await writeFile(join(folderOf(path), "notes.txt"), "mine");
  return lockThread(path, held);
}

describe("the lock of a thread without a rollout", () => {
  test("is found, unless somebody holds it, and removed", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    const stale = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    expect(stale.map((one) => one.threadId)).toEqual([gone]);
    expect(await stale[0]?.remove()).toBe(true);
    expect(await stale[0]?.remove()).toBe(false);
    expect((await readdir(folderOf(folder.path))).sort()).toEqual([`${kept}.lock`, `${held}.lock`, "notes.txt"].sort());
    await using _again = await lockThread(folder.path, gone);
  });

  test("stays where somebody has taken it since", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    const [stale] = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    await using _taken = await lockThread(folder.path, gone);
    expect(await stale?.remove()).toBe(false);
    await access(join(folderOf(folder.path), `${gone}.lock`));
  });

  test("stays while it is young", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    expect(await staleThreadLocks(folder.path)).toEqual([]);
    expect(await removeLock(join(folderOf(folder.path), `${gone}.lock`), 60_000)).toBe(false);
  });

  test("is reported beside one that is no lock", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    await writeFile(join(folderOf(folder.path), `${threadId(4)}.lock`), "somebody's text");
    const stale = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    expect(stale.map((one) => one.threadId)).toEqual([gone]);
  });

  test("is not told where the rollouts can't be listed", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    await rm(join(folder.path, "sessions"), { recursive: true });
    await mkdir(join(folder.path, "sessions"));
    // A name that nobody can look at, not even the superuser.
    await symlink("loop.jsonl", join(folder.path, "sessions", "loop.jsonl"));
    await expect(staleThreadLocks(folder.path, { minAgeMs: 0 })).rejects.toMatchObject({ code: "io" });
  });

  test("nothing in a home without locks", async () => {
    await using folder = await temporaryFolder();
    expect(await staleThreadLocks(folder.path)).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  });
});

const HAMMER = join(import.meta.dirname, "../test/lock-hammer.ts");

function hammer(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", HAMMER, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("processes that take the lock and processes that remove its file at the same time: one holds it at a time", {
  timeout: 120_000,
}, async () => {
  const [takers, rounds, minRemovals] = [4, 400, 10];
  await using folder = await temporaryFolder();
  const lock = join(folder.path, "one.lock");
  const witness = join(folder.path, "witness");
  await writeFile(`${witness}.count`, "0");
  let removals = 0;
  const removers = [1, 2].map(() => hammer("remove", lock));
  for (const remover of removers)
    remover.stdout?.setEncoding("utf8").on("data", (said: string) => {
      removals += said.trim().split("\n").length;
    });
  const ends = await Promise.all(
    Array.from({ length: takers }, async () => {
      const child = hammer("take", lock, witness, String(rounds));
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const [exitCode] = await once(child, "close");
      return { exitCode, said };
    }),
  );
  expect(ends).toEqual(Array.from({ length: takers }, () => ({ exitCode: 0, said: "" })));
  expect(await readFile(`${witness}.count`, "utf8")).toBe(String(takers * rounds));
  expect(removals).toBeGreaterThan(minRemovals);
  for (const remover of removers) remover.kill("SIGKILL");
});
