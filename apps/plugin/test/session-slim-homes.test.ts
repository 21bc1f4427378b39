import { cp, mkdtemp, readFile, rename, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockThread } from "@plexum/session-store";
import { expect, onTestFinished, test } from "vitest";
import { sessionsIn, threadWithCalls } from "./sessions-command.ts";

test("a session whose file another home shares is refused while a turn runs in that home", async () => {
  await using thread = await threadWithCalls();
  const { threadId: id } = thread;
  const path = await thread.rollout();
  const first = thread.home.path;
  const folder = await mkdtemp(join(tmpdir(), "two-homes-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const linked = join(folder, "linked");
  await cp(first, linked, { recursive: true });
  await rename(join(linked, "sessions"), join(linked, "sessions of its own"));
  await symlink(join(first, "sessions"), join(linked, "sessions"));
  const inLinked = (verb: string) => sessionsIn(linked, thread, verb, id, "--yes");

  for (const verb of ["consume", "restore"]) {
    const before = await readFile(path);
    {
      await using _turn = await lockThread(first, id);
      expect(await inLinked(verb)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("is running a turn") });
      expect(await readFile(path)).toEqual(before);
    }
    expect(await inLinked(verb)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await readFile(path)).not.toEqual(before);
    // Both locks are released.
    for (const home of [first, linked]) await (await lockThread(home, id))[Symbol.asyncDispose]();
  }
});
