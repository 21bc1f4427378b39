import { access, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lockThread, threadLockFiles } from "@plexum/session-store";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { threadId, writeRollout } from "../test/rollouts.ts";
import { staleThreadLocks } from "./stale-thread-locks.ts";

const [kept, gone, held] = [threadId(1), threadId(2), threadId(3)];
const folderOf = (home: string) => join(home, "plexum-thread-locks");

/** Creates a home with the locks of three threads: one that has a rollout, one that has none, and one that is held. */
async function home(path: string) {
  for (const id of [kept, gone]) await (await lockThread(path, id))[Symbol.asyncDispose]();
  await writeRollout(path, kept, "");
  await writeFile(join(folderOf(path), "notes.txt"), "mine");
  return lockThread(path, held);
}

describe("the lock of a thread without a rollout", () => {
  test("is found and removed, unless it is held", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    const stale = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    expect(stale.map((one) => one.threadId)).toEqual([gone]);
    expect(await stale[0]?.remove()).toBe(true);
    expect(await stale[0]?.remove()).toBe(false);
    expect((await readdir(folderOf(folder.path))).sort()).toEqual([`${kept}.lock`, `${held}.lock`, "notes.txt"].sort());
    await using _again = await lockThread(folder.path, gone);
  });

  test("stays if it has been acquired since", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    const [stale] = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    await using _taken = await lockThread(folder.path, gone);
    expect(await stale?.remove()).toBe(false);
    await access(join(folderOf(folder.path), `${gone}.lock`));
  });

  test("stays while it is too young", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    expect(await staleThreadLocks(folder.path)).toEqual([]);
    const lock = (await threadLockFiles(folder.path)).find(({ threadId }) => threadId === gone);
    expect(await lock?.remove(60_000)).toBe(false);
  });

  test("is found beside a file that is not a lock", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    await writeFile(join(folderOf(folder.path), `${threadId(4)}.lock`), "another program's text");
    const stale = await staleThreadLocks(folder.path, { minAgeMs: 0 });
    expect(stale.map((one) => one.threadId)).toEqual([gone]);
  });

  test("is not reported if the rollouts can't be listed", async () => {
    await using folder = await temporaryFolder();
    await using _held = await home(folder.path);
    await rm(join(folder.path, "sessions"), { recursive: true });
    await mkdir(join(folder.path, "sessions"));
    // Not even the superuser can access this name.
    await symlink("loop.jsonl", join(folder.path, "sessions", "loop.jsonl"));
    await expect(staleThreadLocks(folder.path, { minAgeMs: 0 })).rejects.toMatchObject({ code: "io" });
  });

  test("is not found in a home without locks", async () => {
    await using folder = await temporaryFolder();
    expect(await staleThreadLocks(folder.path)).toEqual([]);
    expect(await readdir(folder.path)).toEqual([]);
  });
});
