import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import {
  appendFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { at, item, line, meta, said, threadId, writeRollout } from "../test/rollouts.ts";
import { type ListSessionsOptions, listSessions } from "./list-sessions.ts";

const lister =
  (codexHome: string) =>
  (options: ListSessionsOptions = {}) =>
    listSessions({ codexHome, cacheFolder: join(codexHome, "cache"), ...options });

const session = (number: number, minute: number, text = `message ${number}`) =>
  meta(at(0), threadId(number), `/project/${number}`) + said(at(minute), text);

const ids = (list: { sessions: { id: string }[] }) => list.sessions.map(({ id }) => id);

async function many(codexHome: string, count: number): Promise<void> {
  for (let number = 0; number < count; number++)
    await writeRollout(codexHome, threadId(number), session(number, number), { mtime: at(number) });
}

/** The bytes that this process has read, from any cache. */
const bytesRead = () => Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);

describe.runIf(process.platform === "linux")("bytes read by a search, as the system counts them", () => {
  // The parts read at the beginning and at the end meet, or nearly do. The last message may be farther away than one read reaches.
  test.each([5, 18, 30, 66, 90, 262, 400])("of sessions of %i KB each", async (kilobytes) => {
    await using folder = await temporaryFolder();
    const work = line(at(2), "response_item", { type: "function_call_output", output: "y".repeat(900) });
    let size = 0;
    for (let number = 0; number < 40; number++) {
      const content = session(number, number) + work.repeat(kilobytes);
      size += content.length;
      // As after a restore: nothing shows which is the newest.
      await writeRollout(folder.path, threadId(number), content, { mtime: at(59) });
    }
    const list = lister(folder.path);
    await list();
    await rm(join(folder.path, "cache"), { recursive: true });
    const before = bytesRead();
    expect((await list({ filter: "said by nobody" })).sessions).toEqual([]);
    const read = bytesRead() - before;
    expect(read).toBeGreaterThan(1_000);
    // Plus what the system reports and, if the message is that far away, a part of one line and the beginning.
    const again = kilobytes > 256 ? 40 * (work.length + 4_096) : 0;
    expect(read).toBeLessThanOrEqual(size + 1_000 + again);
  });
});

describe("which sessions, and how many", () => {
  test.each([
    [undefined, 10],
    [0, 1],
    [-1, 1],
    [2.9, 2],
    [1e9, 50],
    [Number.POSITIVE_INFINITY, 50],
    [Number.NaN, 10],
  ])("limit %s lists %s", async (limit, expected) => {
    await using folder = await temporaryFolder();
    await many(folder.path, 60);
    const list = await lister(folder.path)(limit === undefined ? {} : { limit });
    expect(ids(list)).toEqual(Array.from({ length: expected }, (_, index) => threadId(59 - index)));
  });

  test("the filter searches id, folder and last message, ignores case, and is not a pattern", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), session(1, 1, "Fix the [Bug] in É.ts"));
    await writeRollout(folder.path, threadId(2), session(2, 2));
    const list = lister(folder.path);
    for (const filter of ["the [bug] IN é", threadId(1).toUpperCase(), "/PROJECT/1"])
      expect(ids(await list({ filter }))).toEqual([threadId(1)]);
    for (const filter of [".*", "nothing of it", "x".repeat(1_000_000)])
      expect(ids(await list({ filter }))).toEqual([]);
    expect(ids(await list({ filter: "" }))).toHaveLength(2);
  });

  test("a file that was changed without being used (copied, mutated) does not count as newer", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 20);
    const copied = join(folder.path, `sessions/2026/01/02/rollout-2026-01-02T00-00-00-${threadId(3)}.jsonl`);
    await utimes(copied, new Date(), new Date());
    expect(ids(await lister(folder.path)({ limit: 2 }))).toEqual([threadId(19), threadId(18)]);
  });

  test("a missing or empty home, and one that is a file, have no sessions", async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, "file"), "");
    for (const home of ["none", ".", "file"])
      expect(await lister(join(folder.path, home))({ cacheFolder: folder.path })).toEqual({
        sessions: [],
        warnings: [],
      });
  });

  test("an aborted signal throws its reason", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 3);
    const reason = new Error("no longer");
    await expect(lister(folder.path)({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const listing = lister(folder.path)({ signal: controller.signal });
    controller.abort(reason);
    await expect(listing).rejects.toBe(reason);
  });
});

describe("the user's messages", () => {
  const lastOf = async (content: string) => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), meta(at(0), threadId(1)) + content);
    const [first] = (await lister(folder.path)()).sessions;
    return [first?.lastMessage, first?.messageCount];
  };

  test("exclude what codex says in the user's name, even if no event distinguishes them", async () => {
    const injected = [
      item(
        at(1),
        "# AGENTS.md instructions for /project\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>",
        "<environment_context>x</environment_context>",
      ),
      item(at(1), "<user_instructions>x</user_instructions>"),
      item(at(1), "<turn_aborted>\nx\n</turn_aborted>"),
      line(at(1), "event_msg", { type: "user_message", message: "what was set", kind: "environment_context" }),
      line(at(1), "response_item", {
        type: "message",
        role: "user",
        content: [{ type: "input_text", text: "new in some later codex" }],
        internal_chat_message_metadata_passthrough: { content_item_kinds: ["later.kind"] },
      }),
    ].join("");
    expect(await lastOf(item(at(1), "mine") + injected)).toEqual(["mine", 1]);
    expect(await lastOf(injected)).toEqual([undefined, 0]);
    expect(await lastOf(said(at(1), "<div>mine</div>") + injected)).toEqual(["<div>mine</div>", 1]);
    expect(await lastOf(item(at(1), "<environment_context>x</environment_context>", "mine"))).toEqual(["mine", 1]);
  });

  test("exclude what others say, whatever they quote", async () => {
    const quoted = said(at(1), "quoted");
    const others = [
      line(at(2), "response_item", { type: "function_call_output", output: quoted }),
      line(at(2), "event_msg", { type: "agent_message", message: '"user_message"', role: "user" }),
      `{"timestamp":"${at(2)}","type":"event_msg","payload":{"type":"user_message","message":"torn`,
    ].join("");
    expect(await lastOf(said(at(1), "mine") + others)).toEqual(["mine", 1]);
  });

  test("count an image without text, and the text before it is shown", async () => {
    const image = { type: "item_completed", item: { type: "UserMessage", content: [{ type: "image" }] } };
    expect(await lastOf(said(at(1), "words") + line(at(2), "event_msg", image))).toEqual(["words", 2]);
  });

  test("are found before a turn of many megabytes", async () => {
    const output = line(at(2), "response_item", { type: "function_call_output", output: '"x" '.repeat(50_000) });
    expect(
      await lastOf(said(at(1), "mine") + output.repeat(20) + line(at(3), "response_item", { image: "x".repeat(9e6) })),
    ).toEqual(["mine", 1]);
  });

  test("are cut to 140 characters, never inside one", async () => {
    expect((await lastOf(said(at(1), "x".repeat(140))))[0]).toBe("x".repeat(140));
    expect((await lastOf(said(at(1), `${"x".repeat(136)}😀😀😀`)))[0]).toBe(`${"x".repeat(136)}...`);
    for (let before = 0; before < 5; before++) {
      const [shown = ""] = await lastOf(said(at(1), "x".repeat(before) + "😀".repeat(100)));
      expect(shown).toHaveLength(139 + (before % 2));
      expect(String(shown).isWellFormed()).toBe(true);
    }
  });
});

describe("history.jsonl", () => {
  const prompt = (number: number, minute: number, text: string) =>
    `${JSON.stringify({ session_id: threadId(number), ts: Date.parse(at(minute)) / 1_000, text })}\n`;

  test("provides count, last message and time, and the rollout provides folder and file", async () => {
    await using folder = await temporaryFolder();
    const path = await writeRollout(folder.path, threadId(1), session(1, 1), { mtime: at(1) });
    await writeRollout(folder.path, threadId(2), session(2, 20), { mtime: at(20) });
    const history = prompt(1, 25, "one") + prompt(3, 10, "only here") + prompt(1, 30, " two ");
    await writeFile(
      join(folder.path, "history.jsonl"),
      `${history}garbage\n{"session_id":"../x","ts":1,"text":""}\n{"sess`,
    );
    const list = lister(folder.path);
    const { sessions, warnings } = await list();
    const plain = { archived: false, compressed: false };
    expect(sessions).toEqual([
      {
        id: threadId(1),
        updatedAt: at(30),
        lastMessage: "two",
        cwd: "/project/1",
        file: path,
        messageCount: 2,
        ...plain,
      },
      expect.objectContaining({ id: threadId(2), updatedAt: at(20), messageCount: 1 }),
      {
        id: threadId(3),
        updatedAt: at(10),
        lastMessage: "only here",
        cwd: undefined,
        file: undefined,
        messageCount: 1,
        ...plain,
      },
    ]);
    expect(warnings).toEqual([`${join(folder.path, "history.jsonl")}: 2 lines are damaged`]);
    expect(await list()).toEqual({ sessions, warnings });
    expect(ids(await list({ limit: 1 }))).toEqual([threadId(1)]);
  });

  test("may grow, lose its beginning, or be removed", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "history.jsonl");
    const list = async () => (await lister(folder.path)()).sessions.map((one) => [one.lastMessage, one.messageCount]);
    await writeFile(path, prompt(1, 1, "one") + prompt(2, 2, "other"));
    expect(await list()).toEqual([
      ["other", 1],
      ["one", 1],
    ]);
    await appendFile(path, prompt(1, 3, "two").slice(0, 30));
    expect(await list()).toEqual([
      ["other", 1],
      ["one", 1],
    ]);
    await appendFile(path, prompt(1, 3, "two").slice(30));
    expect(await list()).toEqual([
      ["two", 2],
      ["other", 1],
    ]);
    await writeFile(path, prompt(1, 3, "two"));
    expect(await list()).toEqual([["two", 1]]);
    await rm(path);
    expect(await list()).toEqual([]);
  });

  test("does not list an archived session if archived ones are excluded", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), session(1, 1), { folder: "archived_sessions" });
    await writeFile(join(folder.path, "history.jsonl"), prompt(1, 1, "one"));
    expect((await lister(folder.path)()).sessions).toMatchObject([{ id: threadId(1), archived: true }]);
    expect((await lister(folder.path)({ archived: false })).sessions).toEqual([]);
  });
});

describe("one damaged file is a warning, and the list does not fail", () => {
  const good = session(1, 1);
  test.each<[name: string, content: string | Buffer, suffix?: string]>([
    ["empty", ""],
    ["garbage", "garbage\n".repeat(100)],
    ["zeros", Buffer.alloc(100_000)],
    ["random", Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7919) >> 3))],
    ["not zstd", "garbage", ".zst"],
    ["half of zstd", zstdCompressSync(Buffer.from(session(2, 2).repeat(100))).subarray(0, 40), ".zst"],
  ])("%s", async (_name, content, suffix = "") => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), good);
    const name = `rollout-2026-01-02T00-00-00-${threadId(2)}.jsonl${suffix}`;
    const path = await writeRollout(folder.path, threadId(2), content, { name });
    const { sessions, warnings } = await lister(folder.path)();
    expect(sessions).toMatchObject([{ id: threadId(1) }]);
    expect(warnings).toEqual([expect.stringContaining(path)]);
  });

  test.each([
    ["a torn last line", `${good}{"timestamp":"2026`, []],
    ["a last line without its newline", good.trimEnd(), []],
    ["lines that are not JSON", good.replaceAll("\n", "\n\u0000garbage\n\n"), []],
    ["CRLF", good.replaceAll("\n", "\r\n"), []],
    ["no session_meta", good.slice(good.indexOf("\n") + 1), [expect.stringContaining("does not begin")]],
    ["a byte order mark", `\ufeff${good}`, [expect.stringContaining("does not begin")]],
  ])("%s: the rest is read", async (_name, content, warnings) => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), content);
    const list = await lister(folder.path)();
    expect(list).toMatchObject({
      sessions: [{ id: threadId(1), lastMessage: "message 1", messageCount: 1 }],
      warnings,
    });
    expect(list.sessions[0]?.updatedAt).toBe(at(1));
  });

  test("a fork without its parent is listed with what it has", async () => {
    await using folder = await temporaryFolder();
    const base = { history_base: { thread_id: threadId(9), end_ordinal_exclusive: 1, end_byte_offset: 10 } };
    await writeRollout(folder.path, threadId(1), meta(at(0), threadId(1), "/project", base) + said(at(1), "mine"));
    const { sessions, warnings } = await lister(folder.path)();
    expect(sessions).toMatchObject([{ lastMessage: "mine", messageCount: 1 }]);
    expect(warnings).toEqual([expect.stringContaining(threadId(9))]);
  });

  test("ignores dangling and circular links, a folder named like a rollout, and a file named like a folder", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, threadId(1), good);
    const day = join(folder.path, "sessions/2026/01/02");
    await symlink(join(day, "none"), join(day, "dangling.jsonl"));
    await symlink(join(folder.path, "sessions"), join(day, "circle"));
    await symlink(join(day, "itself.jsonl"), join(day, "itself.jsonl"));
    await mkdir(join(day, "folder.jsonl"));
    await writeFile(join(folder.path, "sessions/file"), "");
    const { sessions, warnings } = await lister(folder.path)();
    expect(sessions).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining("itself.jsonl")]);
  });
});

test("a thread in two files, and a folder that can't be listed", async () => {
  await using folder = await temporaryFolder();
  await writeRollout(folder.path, threadId(1), session(1, 1));
  const again = `rollout-2026-01-02T09-00-00-${threadId(1)}.jsonl`;
  const newest = await writeRollout(folder.path, threadId(1), session(1, 2), { name: again, mtime: at(60) });
  // Not even the superuser can list a link to itself.
  await symlink("03", join(folder.path, "sessions/2026/01/03"));
  const { sessions, warnings } = await lister(folder.path)();
  expect(sessions).toMatchObject([{ id: threadId(1), file: newest }]);
  expect(warnings.join()).toContain("sessions/2026/01/03");
});

describe("names", () => {
  test("a renamed file is identified by its first line, else by an id in its name", async () => {
    await using folder = await temporaryFolder();
    await writeRollout(folder.path, "", session(1, 1), { name: "mine.jsonl" });
    await writeRollout(folder.path, "", said(at(2), "two"), { name: `backup of ${threadId(2)}.jsonl` });
    await writeRollout(folder.path, "", said(at(3), "three"), { name: "whose.jsonl" });
    const list = await lister(folder.path)();
    expect(ids(list)).toEqual([threadId(2), threadId(1)]);
    expect(list.warnings).toEqual([expect.stringContaining("whose.jsonl"), expect.stringContaining("backup of")]);
  });

  test("a renamed copy beside the original is not another session", async () => {
    await using folder = await temporaryFolder();
    const path = await writeRollout(folder.path, threadId(1), session(1, 5));
    await writeRollout(folder.path, "", session(1, 1), { name: "copy.jsonl", mtime: at(60) });
    expect((await lister(folder.path)()).sessions).toMatchObject([{ id: threadId(1), file: path, updatedAt: at(5) }]);
  });
});

test.each(["history.jsonl", "session_index.jsonl"])("a pipe or a folder in place of %s is a warning", async (name) => {
  await using folder = await temporaryFolder();
  await many(folder.path, 2);
  for (const make of [(path: string) => execFileSync("mkfifo", [path]), mkdir]) {
    const path = join(folder.path, name);
    await make(path);
    const { sessions, warnings } = await lister(folder.path)();
    expect(sessions).toHaveLength(2);
    expect(warnings).toEqual([expect.stringContaining(path)]);
    await rm(path, { recursive: true });
  }
});

describe("the index", () => {
  const indexOf = (codexHome: string, names: string[]) =>
    names.find((name) => name.endsWith(".index")) ?? expect.fail(`no index in ${codexHome}`);

  test("can be read only by its user, since it contains messages", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 1);
    await lister(folder.path)();
    const cache = join(folder.path, "cache");
    const modeOf = async (path: string) => (await stat(path)).mode & 0o777;
    expect(await modeOf(cache)).toBe(0o700);
    expect(await modeOf(join(cache, indexOf(cache, await readdir(cache))))).toBe(0o600);
  });

  test.each<[what: string, make: (path: string) => Promise<unknown>]>([
    ["a pipe", async (path) => execFileSync("mkfifo", [path])],
    ["a folder that is not empty", (path) => mkdir(join(path, "inside"), { recursive: true })],
    ["an endless device", (path) => symlink("/dev/zero", path)],
    ["3 GB", (path) => writeFile(path, "").then(() => truncate(path, 3e9))],
    ["a text", (path) => writeFile(path, "not an index\n{}\t{")],
  ])("is rewritten if %s is in its place", async (_what, make) => {
    await using folder = await temporaryFolder();
    await many(folder.path, 3);
    const list = lister(folder.path);
    const first = await list();
    const cache = join(folder.path, "cache");
    const index = join(cache, indexOf(cache, await readdir(cache)));
    await rm(index);
    await make(index);
    expect(await list()).toEqual(first);
    expect((await lstat(index)).isFile()).toBe(true);
    expect(await readFile(index, "utf8")).toContain(threadId(2));
  });

  test("removes leftovers of a process that was killed while it wrote", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 1);
    await lister(folder.path)();
    const cache = join(folder.path, "cache");
    const index = indexOf(cache, await readdir(cache));
    for (const [name, minutes] of [
      ["old", 2],
      ["young", 0],
    ] as const) {
      const path = join(cache, `${index}.${name}.new`);
      await writeFile(path, "");
      const time = new Date(Date.now() - minutes * 60_000);
      await utimes(path, time, time);
    }
    await many(folder.path, 2);
    await lister(folder.path)();
    expect((await readdir(cache)).sort()).toEqual([index, `${index}.young.new`]);
  });

  test("gives the same list as a first call, however files have changed since", async () => {
    await using folder = await temporaryFolder();
    const home = folder.path;
    const list = lister(home);
    const fresh = async () =>
      listSessions({ codexHome: home, cacheFolder: join(home, "never", String(Math.random())) });
    const same = async () => expect(await list()).toEqual(await fresh());
    await many(home, 12);
    await same();
    const path = (await list()).sessions[0]?.file ?? "";
    const original = await readFile(path, "utf8");
    // Half a line, then the rest of it.
    const more = said(at(100), "more");
    await appendFile(path, more.slice(0, 40));
    await same();
    await appendFile(path, more.slice(40));
    await same();
    expect((await list()).sessions[0]).toMatchObject({ lastMessage: "more", messageCount: 2 });
    // A turn without another user message.
    await appendFile(path, line(at(101), "event_msg", { type: "agent_message", message: "x" }));
    await same();
    expect((await list()).sessions[0]).toMatchObject({ updatedAt: at(101), messageCount: 2 });
    // Replaced by something longer, by something shorter, by something as long.
    for (const content of [
      original.replace("message", "MESSAGE").repeat(5),
      original,
      original.replace("mess", "MESS"),
    ]) {
      await writeFile(path, content);
      await same();
    }
    await rm(path);
    await same();
    expect((await list()).sessions).toHaveLength(10);
  });

  test("saves reading: a file that is in it is not read again", async () => {
    await using folder = await temporaryFolder();
    const path = await writeRollout(folder.path, threadId(1), session(1, 1));
    const list = lister(folder.path);
    const before = await list();
    // The same size and time, so it must not be read.
    await writeFile(path, "x".repeat(session(1, 1).length));
    await utimes(path, new Date(at(0)), new Date(at(0)));
    expect(await list()).toEqual(before);
  });

  test("is ignored if it is damaged, of another version, or in a place that can't be written to", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 3);
    const list = lister(folder.path);
    const expected = await list();
    const cache = join(folder.path, "cache");
    const path = join(cache, indexOf(cache, await readdir(cache)));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(cache)).mode & 0o777).toBe(0o700);
    const text = await readFile(path, "utf8");
    const damaged = [
      "",
      "x",
      text.slice(0, text.length / 2),
      text.replace(/ \d+\n/, " 0\n"),
      text.replaceAll('"size"', '"S"'),
    ];
    for (const content of [...damaged, text.replaceAll(":", ""), Buffer.alloc(1000)]) {
      await writeFile(path, content);
      expect(await list()).toEqual(expected);
    }
    await rm(cache, { recursive: true });
    await writeFile(cache, "");
    expect(await list()).toEqual(expected);
  });

  test("can be used by many calls at once for one home", async () => {
    await using folder = await temporaryFolder();
    await many(folder.path, 20);
    const list = lister(folder.path);
    const lists = await Promise.all(Array.from({ length: 10 }, () => list()));
    for (const one of lists) expect(one).toEqual(lists[0]);
    expect(await readdir(join(folder.path, "cache"))).toHaveLength(1);
  });
});
