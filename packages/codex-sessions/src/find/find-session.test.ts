import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { at, meta, said, threadId, writeRollout } from "../../test/rollouts.ts";
import { listSessions } from "../list-sessions.ts";
import { findSession } from "./find-session.ts";

const session = (number: number, cwd = `/project/${number}`) => meta(at(0), threadId(number), cwd) + said(at(1), "hi");
const find = async (codexHome: string, id: string) => findSession(id, { codexHome });

describe("a listed session is found, wherever it is", () => {
  test.each<[name: string, file: string]>([
    ["where codex put it", `sessions/2026/01/02/rollout-2026-01-02T00-00-00-${threadId(1)}.jsonl`],
    ["in a dated archive", `archived_sessions/2026/01/02/rollout-2026-01-02T00-00-00-${threadId(1)}.jsonl`],
    ["in a user's own folder", `sessions/kept/rollout-2026-01-02T00-00-00-${threadId(1)}.jsonl`],
    ["a sync conflict's copy", `sessions/2026/01/02/rollout-2026-01-02T00-00-00-${threadId(1)}.sync-conflict-A.jsonl`],
    ["under a user's own name", "sessions/2026/01/02/the one about beans.jsonl"],
    ["under another thread's name", `sessions/2026/01/02/rollout-2026-01-02T00-00-00-${threadId(2)}.jsonl`],
  ])("%s", async (_name, file) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, session(1));
    await writeRollout(folder.path, threadId(3), session(3));
    const { sessions } = await listSessions({ codexHome: folder.path, cacheFolder: folder.path });
    expect(sessions.map(({ id }) => id).sort()).toEqual([threadId(1), threadId(3)]);
    const expected = {
      id: threadId(1),
      file: path,
      cwd: "/project/1",
      archived: file.startsWith("archived"),
      compressed: false,
    };
    expect(await find(folder.path, threadId(1))).toMatchObject(expected);
    expect(await find(folder.path, threadId(1).toUpperCase())).toMatchObject(expected);
    expect(await find(folder.path, threadId(2))).toBeUndefined();
  });

  test("compressed, under its own name and another", async () => {
    await using folder = await temporaryFolder();
    const packed = zstdCompressSync(Buffer.from(session(1)));
    const name = `rollout-2026-01-02T00-00-00-${threadId(1)}.jsonl.zst`;
    const path = await writeRollout(folder.path, threadId(1), packed, { name });
    expect(await find(folder.path, threadId(1))).toMatchObject({ file: path, cwd: "/project/1", compressed: true });
    await rename(path, join(dirname(path), "mine.jsonl.zst"));
    expect(await find(folder.path, threadId(1))).toMatchObject({ file: join(dirname(path), "mine.jsonl.zst") });
  });

  test("beside a folder that can't be listed; the folder is reported if nothing is found", async () => {
    await using folder = await temporaryFolder();
    const path = await writeRollout(folder.path, "", session(1), { name: "mine.jsonl" });
    await symlink("09", join(folder.path, "sessions/2026/01/09"));
    expect(await find(folder.path, threadId(1))).toMatchObject({ file: path });
    await expect(find(folder.path, threadId(2))).rejects.toThrow("sessions/2026/01/09");
  });
});

describe("the beginning of an id", () => {
  const home = async () => {
    const folder = await temporaryFolder();
    for (const number of [0x10, 0x11, 0x20]) await writeRollout(folder.path, threadId(number), session(number));
    return folder;
  };

  test("is enough if it is unique", async () => {
    await using folder = await home();
    for (const length of [35, 36])
      expect(await find(folder.path, threadId(0x20).slice(0, length))).toMatchObject({ id: threadId(0x20) });
  });

  test("throws with the matching ids if it is not unique", async () => {
    await using folder = await home();
    const error = await find(folder.path, threadId(0x10).slice(0, 35)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "ambiguous_session_id" });
    expect((error as Error).message).toContain(`${threadId(0x10)}\n  ${threadId(0x11)}`);
    expect((error as Error).message).not.toContain(threadId(0x20));
  });

  test("lists ten of many matching ids, and the number of the others", async () => {
    await using folder = await temporaryFolder();
    for (let number = 0; number < 13; number++) await writeRollout(folder.path, threadId(number), session(number));
    await expect(find(folder.path, "0199")).rejects.toThrow(/13 sessions[\s\S]*and 3 more/);
  });

  test("finds nothing if it is that of no session, or not an id", async () => {
    await using folder = await home();
    for (const text of ["ffff", "", "../x", "%", threadId(9), "x".repeat(200)])
      expect(await find(folder.path, text)).toBeUndefined();
    expect(await find(join(folder.path, "none"), "0199")).toBeUndefined();
  });

  test("two files of one thread are one session", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), session(1));
    await writeRollout(folder.path, "", session(1), { name: `copy of ${threadId(1)}.jsonl`, mtime: at(60) });
    expect(await find(folder.path, "0199a213-81c0-7800-8aa1")).toMatchObject({ id: threadId(1) });
  });
});

test("a session that is only in the history, or has only an empty file left, has no file", async () => {
  await using folder = await temporaryFolder();
  const prompt = (id: string) => `${JSON.stringify({ session_id: id, ts: 1_767_312_000, text: "hi" })}\n`;
  await writeFile(join(folder.path, "history.jsonl"), prompt(threadId(1)) + prompt("older"));
  await writeRollout(folder.path, threadId(1), "");
  for (const id of [threadId(1), "older", threadId(1).slice(0, 30)])
    expect(await find(folder.path, id)).toMatchObject({ file: undefined, cwd: undefined });
  const { sessions, warnings } = await listSessions({ codexHome: folder.path, cacheFolder: folder.path });
  expect(sessions.map(({ file }) => file)).toEqual([undefined, undefined]);
  expect(warnings).toEqual([expect.stringContaining("empty")]);
});

test("a sub-agent's thread is found, with its parent", async () => {
  await using folder = await temporaryFolder();
  const source = { subagent: { thread_spawn: { parent_thread_id: threadId(1), agent_role: "explorer" } } };
  await writeRollout(folder.path, threadId(2), meta(at(0), threadId(2), "/x", { source }));
  expect(await find(folder.path, threadId(2))).toMatchObject({ parentId: threadId(1), role: "explorer" });
});
