import { cp, mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { at, item, line, meta, said, threadId, writeRollout } from "../test/rollouts.ts";
import { findSession } from "./find/find-session.ts";
import { listSessions } from "./list-sessions.ts";

const session = (number: number, text = `message ${number}`) =>
  meta(at(0), threadId(number), `/project/${number}`) + said(at(1), text);
const list = (codexHome: string) => listSessions({ codexHome, cacheFolder: join(codexHome, "cache") });
const prompt = (entry: object) => `${JSON.stringify(entry)}\n`;
const MIB = 1024 * 1024;

/** Lists twice, from the files and from the index, and expects the same. */
async function listed(codexHome: string) {
  const first = await list(codexHome);
  expect(await list(codexHome)).toEqual(first);
  return first;
}

describe("a first line of unusual length", () => {
  // Keys that codex doesn't write, before and after the ones that are needed.
  test.each<[string, number, object]>([
    ["9 MiB", 9 * MIB, { dynamic_tools: [{ name: "a" }] }],
    ["9 MiB of a sub-agent", 9 * MIB, { source: { subagent: { thread_spawn: { parent_thread_id: threadId(9) } } } }],
    ["more than is read of any line", 65 * MIB, { git: { branch: "main" } }],
  ])("%s", async (_what, bytes, more) => {
    await using folder = await temporaryFolder();
    const first = meta(at(0), threadId(1), "/long", { ...more, notes: "x".repeat(bytes), last: 1 });
    const file = await writeRollout(folder.path, threadId(1), first + said(at(1), "hi"), { name: "mine.jsonl" });
    const isOwn = "source" in more;
    const found = { id: threadId(1), cwd: "/long", file, parentId: isOwn ? threadId(9) : undefined };
    const { sessions, warnings } = await listSessions({
      codexHome: folder.path,
      cacheFolder: folder.path,
      subagents: true,
    });
    expect(warnings).toEqual([]);
    expect(sessions).toMatchObject([{ ...found, lastMessage: "hi", messageCount: 1 }]);
    expect(await findSession(threadId(1).slice(0, -2), { codexHome: folder.path })).toMatchObject(found);
    expect((await listed(folder.path)).sessions).toHaveLength(isOwn ? 0 : 1);
  });
});

/** Returns JSON in the form that Python's `json.dumps` writes. */
const spaced = (lines: string): string =>
  lines
    .trimEnd()
    .split("\n")
    .map((text) => `${JSON.stringify(JSON.parse(text), null, 1).replaceAll(/\n\s*/g, " ")}\n`)
    .join("");

test("reads JSON with spaces and with keys in another order", async () => {
  await using folder = await temporaryFolder();
  await writeRollout(folder.path, threadId(1), spaced(session(1)));
  const swapped = (text: string) =>
    `${JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).reverse()))}\n`;
  await writeRollout(folder.path, threadId(2), session(2).trimEnd().split("\n").map(swapped).join(""));
  const { sessions, warnings } = await listed(folder.path);
  expect(warnings).toEqual([]);
  expect(sessions.map(({ id, lastMessage, messageCount, cwd }) => ({ id, lastMessage, messageCount, cwd }))).toEqual(
    [2, 1].map((number) => ({
      id: threadId(number),
      lastMessage: `message ${number}`,
      messageCount: 1,
      cwd: `/project/${number}`,
    })),
  );
});

describe("the history of prompts", () => {
  test("counts its last line without a newline, and when the newline is added", async () => {
    await using folder = await temporaryFolder();
    const history = join(folder.path, "history.jsonl");
    const first = prompt({ session_id: "a", ts: 1_767_312_000, text: "one" });
    const last = prompt({ session_id: "a", ts: 1_767_312_060, text: "two" }).trimEnd();
    for (const [text, lastMessage, messageCount] of [
      [first + last, "two", 2],
      [`${first}${last}\n`, "two", 2],
      [first + last.slice(0, -9), "one", 1],
    ] as const) {
      await writeFile(history, text);
      expect(await listed(folder.path)).toMatchObject({
        sessions: [{ id: "a", lastMessage, messageCount }],
        warnings: [],
      });
    }
  });

  test.each([
    ["seconds", 1_767_312_000],
    ["fractions of seconds", 1_767_312_000.25],
    ["milliseconds", 1_767_312_000_250],
  ])("has times in %s", async (_unit, ts) => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "history.jsonl"), prompt({ session_id: "a", ts, text: "one" }));
    const { sessions } = await listed(folder.path);
    expect(sessions[0]?.updatedAt).toMatch(/^2026-01-02T00:00:00\.(000|250)Z$/);
  });

  test("has a thread whose file contains another", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), session(2), { mtime: at(1) });
    await writeFile(
      join(folder.path, "history.jsonl"),
      prompt({ session_id: threadId(1), ts: Date.parse(at(5)) / 1_000, text: "typed" }),
    );
    expect((await listed(folder.path)).sessions).toMatchObject([
      { id: threadId(1), lastMessage: "typed", file: undefined },
      { id: threadId(2), lastMessage: "message 2" },
    ]);
  });
});

test("a thread's title is the last name that it was given", async () => {
  await using folder = await temporaryFolder();
  await writeRollout(folder.path, threadId(1), session(1));
  const name = (thread_name: string) => prompt({ id: threadId(1), thread_name, updated_at: at(1) });
  await writeFile(join(folder.path, "session_index.jsonl"), name("Beans") + name("Beans and rice").trimEnd());
  expect((await listed(folder.path)).sessions).toMatchObject([{ title: "Beans and rice" }]);
  const options = { codexHome: folder.path, cacheFolder: folder.path };
  expect((await listSessions({ ...options, filter: "AND RICE" })).sessions).toHaveLength(1);
});

test("a session that was only opened since does not count as newer", async () => {
  await using folder = await temporaryFolder();
  await writeRollout(folder.path, threadId(1), session(1, "older"), { mtime: at(1) });
  await writeRollout(folder.path, threadId(2), meta(at(0), threadId(2)) + said(at(2), "newer"), { mtime: at(2) });
  // What codex 0.169 writes when its interface opens a thread and sets it up.
  const opened =
    line(at(9), "turn_context", { cwd: "/", model: "gpt-5" }) +
    line(at(9), "event_msg", { type: "thread_settings_applied", model: "gpt-5" });
  await writeRollout(folder.path, threadId(1), session(1, "older") + opened, { mtime: at(9) });
  expect((await listed(folder.path)).sessions).toMatchObject([
    { id: threadId(2), updatedAt: at(2) },
    { id: threadId(1), updatedAt: at(1) },
  ]);
});

describe("a last message with images", () => {
  const picture = (bytes: number) => ({ type: "input_image", image_url: `data:image/png;base64,${"A".repeat(bytes)}` });
  const message = (bytes: number) =>
    line(at(3), "response_item", {
      type: "message",
      role: "user",
      content: [{ type: "input_text", text: "look at these" }, picture(bytes / 2), picture(bytes / 2)],
    });

  test("of 9 MiB is shown, whether or not codex shows messages of its own", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), meta(at(0), threadId(1)) + item(at(1), "older") + message(9 * MIB));
    const { sessions, warnings } = await listed(folder.path);
    expect(warnings).toEqual([]);
    expect(sessions).toMatchObject([{ lastMessage: "look at these", messageCount: 2 }]);
  });

  test("that is too long to be read is reported in a warning, and no older one is shown", async () => {
    await using folder = await temporaryFolder();
    const content = meta(at(0), threadId(1)) + item(at(1), "older") + message(66 * MIB);
    const path = await writeRollout(folder.path, threadId(1), content);
    const { sessions, warnings } = await listed(folder.path);
    expect(sessions).toMatchObject([{ lastMessage: undefined, messageCount: 2 }]);
    expect(warnings).toEqual([`${path}: its last message is too long to be read`]);
  });
});

describe("files with conflicting names", () => {
  test("both sessions are listed and found if one's copy has the other's name", async () => {
    await using folder = await temporaryFolder();
    const file = await writeRollout(folder.path, threadId(1), session(1));
    const name = `rollout-2026-01-03T00-00-00-${threadId(1)}.jsonl`;
    const other = await writeRollout(folder.path, threadId(1), session(2), { folder: "sessions/2026/01/03", name });
    const { sessions, warnings } = await listed(folder.path);
    expect(warnings).toEqual([]);
    expect(sessions.map(({ id, file }) => [id, file])).toEqual([
      [threadId(2), other],
      [threadId(1), file],
    ]);
    for (const [id, path] of [
      [threadId(1), file],
      [threadId(2), other],
    ] as const)
      expect(await findSession(id, { codexHome: folder.path })).toMatchObject({ id, file: path });
  });

  test.each([
    ["empty", ""],
    ["blank", "\n"],
    ["all zeros", "\0".repeat(4096)],
  ])("a file that is %s does not belong to a session", async (_what, content) => {
    await using folder = await temporaryFolder();
    const name = `rollout-2026-01-03T00-00-00-${threadId(1)}.jsonl`;
    const path = await writeRollout(folder.path, threadId(1), content, {
      mtime: at(9),
      folder: "sessions/2026/01/03",
      name,
    });
    expect(await findSession(threadId(1), { codexHome: folder.path })).toBeUndefined();
    const { sessions, warnings } = await listed(folder.path);
    expect({ sessions, warnings }).toEqual({ sessions: [], warnings: [expect.stringContaining(path)] });
    // Beside a file that belongs to one.
    const file = await writeRollout(folder.path, threadId(1), session(1));
    expect(await findSession(threadId(1), { codexHome: folder.path })).toMatchObject({ file });
    expect((await listed(folder.path)).sessions).toMatchObject([{ id: threadId(1), file, lastMessage: "message 1" }]);
  });
});

describe("a home whose codex index has other paths", () => {
  const HEAD = `rollout-2026-01-02T00-00-00-${threadId(1)}_${threadId(0)}.jsonl`;
  /** A reverted thread. Its id is newer than its newest file's, and that file is the older one, so only the index identifies the head. */
  async function reverted(home: string) {
    await writeRollout(home, threadId(1), session(1, "taken back"), { mtime: at(9) });
    const head = await writeRollout(home, threadId(1), session(1, "left"), { name: HEAD, mtime: at(1) });
    const database = new DatabaseSync(join(home, "state_5.sqlite"));
    database.exec("CREATE TABLE threads (id TEXT, rollout_path TEXT)");
    database.prepare("INSERT INTO threads VALUES (?, ?)").run(threadId(1), head);
    database.close();
  }
  const expectLeft = async (home: string) => {
    const found = { id: threadId(1), file: join(home, "sessions/2026/01/02", HEAD) };
    expect((await listed(home)).sessions).toMatchObject([{ ...found, lastMessage: "left" }]);
    expect(await findSession(threadId(1), { codexHome: home })).toMatchObject(found);
  };

  test("reached by a link, moved, and copied", async () => {
    await using folder = await temporaryFolder();
    const [real, linked, copy, moved] = ["real", "linked", "copy", "moved"].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
      string,
    ];
    await reverted(real);
    await symlink(real, linked);
    await cp(real, copy, { recursive: true });
    for (const home of [real, linked, copy]) await expectLeft(home);
    await rm(linked);
    await rename(real, moved);
    await expectLeft(moved);
  });

  test.each(["sessions", "sessions/2026", "sessions/2026/01/02"])("with a link in the place of %s", async (place) => {
    await using folder = await temporaryFolder();
    const [home, disk] = [join(folder.path, "home"), join(folder.path, "disk", place)];
    await reverted(home);
    await mkdir(dirname(disk), { recursive: true });
    await rename(join(home, place), disk);
    await symlink(disk, join(home, place));
    await expectLeft(home);
    // The path that codex stores after it has followed the link.
    const database = new DatabaseSync(join(home, "state_5.sqlite"));
    const below = "sessions/2026/01/02".slice(place.length);
    database.prepare("UPDATE threads SET rollout_path = ?").run(join(disk, below, HEAD));
    database.close();
    await expectLeft(home);
  });
});
