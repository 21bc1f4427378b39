import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { oldestCodex, since, testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { describe, expect, test } from "vitest";
import { CodexSessions } from "../test/codex-sessions.ts";
import { listSessions, type Session } from "./list-sessions.ts";

const listed = async ({ home, workspace }: CodexSessions) => {
  const cacheFolder = join(home.path, "cache");
  const options = { codexHome: home.path, cacheFolder };
  const { sessions, warnings } = await listSessions(options);
  expect(warnings).toEqual([]);
  // With the index, the list must be the same again.
  expect(await listSessions(options)).toEqual({ sessions, warnings });
  await rm(cacheFolder, { recursive: true });
  expect(await listSessions(options)).toEqual({ sessions, warnings });
  expect(sessions.every(({ cwd }) => cwd === workspace)).toBe(true);
  return sessions;
};
const brief = ({ id, lastMessage, messageCount, archived, compressed }: Session) => ({
  id,
  lastMessage,
  messageCount,
  archived,
  compressed,
});
const plain = { archived: false, compressed: false };

describe.each(testedCodexes())("sessions of codex $version", (codex) => {
  test("newest first, with the user's messages, but not the instructions and the environment that codex adds", async () => {
    await using made = await CodexSessions.create();
    const first = await made.exec(codex, "  hello\nthere  ");
    const second = await made.exec(codex, "x".repeat(200));
    expect((await listed(made)).map(brief)).toEqual([
      { id: second, lastMessage: `${"x".repeat(137)}...`, messageCount: 1, ...plain },
      { id: first, lastMessage: "hello\nthere", messageCount: 1, ...plain },
    ]);
    await made.exec(codex, "resume", first, "again");
    const [newest] = await listed(made);
    expect(newest && brief(newest)).toEqual({ id: first, lastMessage: "again", messageCount: 2, ...plain });
    const text = await readFile(newest?.file ?? "", "utf8");
    const lines = text.trimEnd().split("\n");
    expect(newest?.updatedAt).toBe(JSON.parse(lines.at(-1) ?? "").timestamp);
  });

  test("renamed by someone", async () => {
    await using made = await CodexSessions.create();
    const id = await made.exec(codex, "hello");
    const [session] = await listed(made);
    const renamed = join(dirname(session?.file ?? ""), "the one about hello.jsonl");
    await rename(session?.file ?? "", renamed);
    expect(await listed(made)).toEqual([{ ...session, file: renamed }]);
    expect(session?.id).toBe(id);
  });
});

test.each(testedCodexes())("archived, of codex $version, and restored", async (codex) => {
  await using made = await CodexSessions.create();
  const id = await made.exec(codex, "hello");
  await made.run(newestCodex, "archive", id);
  const [session] = await listed(made);
  expect(session).toMatchObject({ id, messageCount: 1, archived: true });
  expect(session?.file).toContain("archived_sessions");
  const options = { codexHome: made.home.path, cacheFolder: join(made.home.path, "cache") };
  expect((await listSessions({ ...options, archived: false })).sessions).toEqual([]);
  await made.run(newestCodex, "unarchive", id);
  expect((await listed(made)).map(brief)).toEqual([{ id, lastMessage: "hello", messageCount: 1, ...plain }]);
});

test("a session of the oldest codex that the newest has continued, and one of each beside it", async () => {
  await using made = await CodexSessions.create();
  const old = await made.exec(oldestCodex, "one");
  const fresh = await made.exec(newestCodex, "other");
  await made.exec(newestCodex, "resume", old, "two");
  expect((await listed(made)).map(brief)).toEqual([
    { id: old, lastMessage: "two", messageCount: 2, ...plain },
    { id: fresh, lastMessage: "other", messageCount: 1, ...plain },
  ]);
});

const withHistoryInSeveralFiles = testedCodexes().filter(since("0.148.0"));

test.each(withHistoryInSeveralFiles)(
  "a fork by codex $version counts its parent's messages up to the fork, and its own",
  async (codex) => {
    await using made = await CodexSessions.create();
    const parent = await made.exec(codex, "one");
    const child = await made.exec(codex, "fork", parent, "forked");
    await made.exec(codex, "resume", parent, "two");
    expect((await listed(made)).map(brief)).toEqual([
      { id: parent, lastMessage: "two", messageCount: 2, ...plain },
      { id: child, lastMessage: "forked", messageCount: 2, ...plain },
    ]);
  },
);

test("a compressed one, which stays unchanged", async () => {
  await using made = await CodexSessions.create();
  const id = await made.exec(newestCodex, "one");
  await made.exec(newestCodex, "resume", id, "two");
  const [session] = await listed(made);
  const file = session?.file ?? "";
  await writeFile(`${file}.zst`, zstdCompressSync(await readFile(file)));
  // While both exist, the plain one counts.
  expect(await listed(made)).toEqual([session]);
  await rm(file);
  expect(await listed(made)).toEqual([{ ...session, file: `${file}.zst`, compressed: true }]);
  expect(await readdir(dirname(file))).toEqual([`${file.slice(dirname(file).length + 1)}.zst`]);
  await made.exec(newestCodex, "resume", id, "three");
  expect((await listed(made)).map(brief)).toEqual([{ id, lastMessage: "three", messageCount: 3, ...plain }]);
});

test.each(withHistoryInSeveralFiles)(
  "a thread that codex $version reverted is one session: its head file, with the history it continues from",
  async (codex) => {
    await using made = await CodexSessions.create();
    const id = await made.exec(codex, "one");
    await made.exec(codex, "resume", id, "to be taken back");
    const [before] = await listed(made);
    await made.revertLastTurn(codex, id);
    const [reverted, ...others] = await listed(made);
    expect(others).toEqual([]);
    expect(reverted && brief(reverted)).toEqual({ id, lastMessage: "one", messageCount: 1, ...plain });
    expect(reverted?.file).not.toBe(before?.file);
    await made.exec(codex, "resume", id, "instead");
    const [after] = await listed(made);
    expect(after && brief(after)).toEqual({ id, lastMessage: "instead", messageCount: 2, ...plain });
    // Without codex's own index, the names determine the head.
    for (const name of await readdir(made.home.path))
      if (name.startsWith("state_5")) await rm(join(made.home.path, name));
    expect(await listed(made)).toEqual([after]);
  },
);
