import { execFileSync } from "node:child_process";
import {
  appendFile,
  cp,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { zstdCompressSync } from "node:zlib";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  consumeLight,
  findRollout,
  followRollout,
  mutateRollout,
  type RolloutEntry,
  RolloutError,
  readRollout,
  readToolCalls,
  ToolCallPairer,
} from "../index.ts";
import { collect } from "../testing/collect.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

const event = (message: string) =>
  `${JSON.stringify({ type: "event_msg", payload: { type: "agent_message", message } })}\n`;
const reasonOrType = (entry: RolloutEntry) => (entry.kind === "damaged" ? entry.reason : entry.line.type);

describe("readRollout", () => {
  it("reports damage and skips it, forward and backward, plain and compressed", async () => {
    const path = join(folder.path, "damaged.jsonl");
    const lines = [
      Buffer.from('\ufeff{"type":"session_meta","payload":{"id":"x"}}'),
      Buffer.from('{"type":"turn_context","payload":{"turn_id":"t"},"ordinal":7,"timestamp":"2026-01-02T03:04:05Z"}\r'),
      Buffer.from("garbage"),
      Buffer.from(""),
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]),
      Buffer.alloc(30),
      Buffer.from("[1]"),
      Buffer.from('{"type":"brand_new","payload":{"kept":1}}'),
      Buffer.from('{"type":"event_msg","payload":null}'),
      Buffer.from(`{"type":"x","payload":"${"y".repeat(600)}"}`),
      Buffer.from('{"type":"event_msg","pay'),
    ];
    const content = Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [Buffer.from("\n"), line])));
    await writeFile(path, content);
    const options = { maxLineBytes: 500, history: false };
    const entries = await collect(readRollout(path, options));
    const reasons = [
      "byte-order-mark",
      "turn_context",
      "malformed",
      "invalid-utf-8",
      "nul-bytes",
      "not-an-object",
      "other",
      "other",
      "oversized",
      "torn",
    ];
    expect(entries.map(reasonOrType)).toEqual(reasons);
    expect(entries[1]).toMatchObject({
      line: { ordinal: 7, timestamp: "2026-01-02T03:04:05Z", payload: { turn_id: "t" } },
    });
    expect(entries[6]).toMatchObject({ line: { originalType: "brand_new", payload: { kept: 1 } } });
    for (const { offset, length } of entries)
      expect(lines.some((line) => line.equals(content.subarray(offset, offset + length)))).toBe(true);
    expect(await collect(readRollout(path, { ...options, direction: "backward" }))).toEqual([...entries].reverse());
    const [, second] = entries;
    expect((await collect(readRollout(path, { ...options, from: second?.offset }))).map(reasonOrType)).toEqual(
      reasons.slice(1),
    );
    await writeFile(`${path}.zst`, zstdCompressSync(content));
    await rm(path);
    expect((await collect(readRollout(path, options))).map(reasonOrType)).toEqual(reasons);
  });

  it("reports why something is not a rollout", async () => {
    const codeOf = (path: string) =>
      collect(readRollout(path)).catch((error: unknown) => RolloutError.isInstance(error) && error.code);
    expect(await codeOf(join(folder.path, "none.jsonl"))).toBe("not_found");
    expect(await codeOf(folder.path)).toBe("not_a_file");
    for (const name of ["pipe.jsonl", "pipe.jsonl.zst"]) {
      execFileSync("mkfifo", [join(folder.path, name)]);
      expect(await codeOf(join(folder.path, name))).toBe("not_a_file");
      await rm(join(folder.path, name));
    }
    const packed = join(folder.path, "packed.jsonl.zst");
    await writeFile(packed, "no zstd");
    expect(await codeOf(packed)).toBe("damaged");
    await writeFile(packed, zstdCompressSync(Buffer.alloc(100_000, "a b")).subarray(0, 20));
    expect(await codeOf(packed)).toBe("damaged");
  });
});

describe.each(["forward", "backward"] as const)("reading %s", (direction) => {
  it("throws if the file becomes shorter in the meantime", async () => {
    const path = join(folder.path, `shortened-${direction}.jsonl`);
    await writeFile(path, event("x".repeat(1000)).repeat(2000));
    const entries = readRollout(path, { direction, history: false });
    expect((await entries.next()).done).toBe(false);
    await truncate(path, 100);
    const rest = collect(entries);
    await expect(rest).rejects.toBeInstanceOf(RolloutError);
    await expect(rest).rejects.toMatchObject({ code: "replaced", path });
  });
});

describe("a history that continues itself", () => {
  it("is reported as damaged, by reading and by mutating", async () => {
    const id = "0199a213-81c0-7800-8aa1-bbab2a035a53";
    const path = join(folder.path, `sessions/2025/10/02/rollout-2025-10-02T10-00-00-${id}.jsonl`);
    const history_base = { thread_id: id, end_ordinal_exclusive: 1, end_byte_offset: 1 };
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify({ type: "session_meta", payload: { id, history_base } })}\n`);
    await expect(collect(readRollout(path))).rejects.toMatchObject({ code: "damaged" });
    await expect(mutateRollout(path, [consumeLight("call_1")])).rejects.toMatchObject({ code: "damaged" });
  });
});

describe("tool calls", () => {
  it("are paired in the order in which they were first seen, and reported as abandoned without an output", async () => {
    const path = join(folder.path, "calls.jsonl");
    const item = (payload: object) => `${JSON.stringify({ type: "response_item", payload })}\n`;
    const turn = (id: string) =>
      `${JSON.stringify({ type: "event_msg", payload: { type: "task_started", turn_id: id } })}\n`;
    await writeFile(
      path,
      turn("one") +
        item({ type: "function_call", call_id: "a", name: "f", namespace: "mcp__x", arguments: "{}", id: "fc_a" }) +
        item({ type: "local_shell_call", call_id: "b", action: { command: ["ls"] } }) +
        item({ type: "tool_search_call", call_id: "c", arguments: { query: "q" } }) +
        item({ type: "function_call_output", call_id: "orphan", output: "?" }) +
        item({ type: "tool_search_output", call_id: "c", tools: [] }) +
        item({
          type: "function_call_output",
          call_id: "a",
          output: [{ type: "input_text", text: "x" }, { type: "input_image" }],
        }) +
        turn("two") +
        item({ type: "custom_tool_call", call_id: "d", name: "p", input: "raw" }),
    );
    const calls = await collect(readToolCalls(path));
    expect(calls.map(({ callId, kind, output, turnId }) => [callId, kind, output, turnId])).toEqual([
      ["a", "function", "x\n[image]", "one"],
      ["b", "local-shell", undefined, "one"],
      ["c", "tool-search", "[]", "one"],
      ["d", "custom", undefined, "two"],
    ]);
    const pairer = new ToolCallPairer();
    const events = (await collect(readRollout(path))).flatMap((entry) => pairer.write(entry));
    expect([...events, ...pairer.end()].map((one) => [one.type, one.call.callId])).toEqual([
      ["call-started", "a"],
      ["call-started", "b"],
      ["call-started", "c"],
      ["call-output", "c"],
      ["call-output", "a"],
      ["call-abandoned", "b"],
      ["call-started", "d"],
      ["call-abandoned", "d"],
    ]);
  });

  it("are read, however deeply their values are nested", async () => {
    const path = join(folder.path, "deep.jsonl");
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const item = (payload: string) => `{"type":"response_item","payload":${payload}}\n`;
    await writeFile(
      path,
      item(`{"type":"function_call","name":"read","call_id":"call_1","arguments":${deep}}`) +
        item(`{"type":"function_call_output","call_id":"call_1","output":${deep}}`),
    );
    const [call, ...others] = await collect(readToolCalls(path));
    expect(call).toMatchObject({ callId: "call_1", arguments: "[nested too deeply]", output: "[nested too deeply]" });
    expect(others).toEqual([]);
  });

  it("are read from a long rollout without holding all of it in memory", async () => {
    const path = join(folder.path, "long.jsonl");
    const [turns, callsEach] = [100, 10];
    for (let turn = 0; turn < turns; turn++)
      await appendFile(path, sampleRollout(sampleCalls(callsEach, 20_000)).replaceAll("turn_1", `turn_${turn}`));
    setFlagsFromString("--expose-gc");
    const collectGarbage: () => void = runInNewContext("gc");
    const held = () => {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    let [count, most] = [0, 0];
    for await (const call of readToolCalls(path)) {
      expect(call.callId).toBe(`call_${count++ % callsEach}`);
      if (count % 100 === 0) most = Math.max(most, held() - before);
    }
    expect(count).toBe(turns * callsEach);
    // The file has 20 MB. In memory are the calls of one turn, 0.2 MB, and a chunk of the file.
    expect(most).toBeLessThan(5e6);
  });
});

describe("findRollout", () => {
  it("searches the sessions of all days and the archive, and prefers plain files to compressed ones", async () => {
    const codexHome = join(folder.path, "home");
    const id = "01a1fb15-63b2-7533-9ec8-b7aa484b56ae";
    const name = `rollout-2026-11-20T22-30-45-${id}.jsonl`;
    const put = async (...path: string[]) => {
      const file = join(codexHome, ...path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, "");
      return file;
    };
    const path = async () => (await findRollout(id, { codexHome }))?.path;
    expect(await path()).toBeUndefined();
    await put("sessions", "2026", "11", "20", `rollout-2026-11-20T22-30-45-${id.replace("a", "b")}.jsonl`);
    const far = await put("sessions", "2024", "01", "02", name);
    expect(await path()).toBe(far);
    const archived = await put("archived_sessions", name);
    expect(await findRollout(id, { codexHome })).toMatchObject({ path: archived, archived: true });
    const packed = await put("sessions", "2026", "11", "21", `${name}.zst`);
    expect(await findRollout(id, { codexHome })).toMatchObject({ path: packed, compressed: true, archived: false });
    const plain = await put("sessions", "2026", "11", "21", name);
    expect(await path()).toBe(plain);
    const reverted = await put(
      "sessions",
      "2026",
      "11",
      "21",
      name.replace(".jsonl", "_01a1fb16-63b2-7533-9ec8-b7aa484b56ae.jsonl"),
    );
    expect(await path()).toBe(reverted);
    for (const odd of ["", "../x", "not-a-uuid", id.toUpperCase()])
      expect(await findRollout(odd, { codexHome })).toBeUndefined();
  });

  it("asks codex's index, also while codex is writing to it, and creates no files beside it", async () => {
    const codexHome = join(folder.path, "indexed");
    const id = "01a1fb15-63b2-7533-9ec8-b7aa484b56ae";
    const paths = ["one", "two"].map((place) => join(codexHome, place, `rollout-2026-11-20T22-30-45-${id}.jsonl`));
    for (const path of paths) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "");
    }
    const index = join(codexHome, "state_5.sqlite");
    const put = (path = "") => {
      const codex = new DatabaseSync(index);
      codex.exec("PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS threads (id TEXT, rollout_path TEXT)");
      codex.exec("DELETE FROM threads");
      codex.prepare("INSERT INTO threads VALUES (?, ?)").run(id, path);
      return codex;
    };
    put(paths[0]).close();
    expect((await findRollout(id, { codexHome }))?.path).toBe(paths[0]);
    expect(await readdir(codexHome)).toEqual(["one", "state_5.sqlite", "two"]);
    const codex = put(paths[1]);
    expect((await findRollout(id, { codexHome }))?.path).toBe(paths[1]);
    codex.close();
    expect(await readdir(codexHome)).toEqual(["one", "state_5.sqlite", "two"]);
  });
});

describe("findRollout in unusual homes", () => {
  const [id, other] = ["01a1fb15-63b2-7533-9ec8-b7aa484b56ae", "01a1fb15-63b2-7533-9ec8-b7aa484b56af"] as const;
  const DAY = "sessions/2026/11/20";
  const nameOf = (threadId: string, rolloutId?: string) =>
    `rollout-2026-11-20T22-30-45-${threadId}${rolloutId === undefined ? "" : `_${rolloutId}`}.jsonl`;
  const metaOf = (threadId: string) => JSON.stringify({ type: "session_meta", payload: { id: threadId } });
  const put = async (path: string, content = metaOf(id)) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${content}\n`);
    return path;
  };
  const index = (codexHome: string, path: string) => {
    const codex = new DatabaseSync(join(codexHome, "state_5.sqlite"));
    codex.exec("CREATE TABLE IF NOT EXISTS threads (id TEXT, rollout_path TEXT)");
    codex.exec("DELETE FROM threads");
    codex.prepare("INSERT INTO threads VALUES (?, ?)").run(id, path);
    codex.close();
  };
  const find = async (codexHome: string) => (await findRollout(id, { codexHome }))?.path;

  it("finds the file in a copy of a home, although the copied index names the original home's file", async () => {
    await using made = await temporaryFolder();
    const [first, copy] = [join(made.path, "first"), join(made.path, "copy")];
    const reverted = "01a1fb14-63b2-7533-9ec8-b7aa484b56ae";
    await put(join(first, DAY, nameOf(id)));
    // Its id is older than the thread's, so the names alone do not show that it is the head.
    index(first, await put(join(first, DAY, nameOf(id, reverted))));
    await cp(first, copy, { recursive: true });
    expect(await find(first)).toBe(join(first, DAY, nameOf(id, reverted)));
    expect(await find(copy)).toBe(join(copy, DAY, nameOf(id, reverted)));
    await rm(join(copy, DAY, nameOf(id, reverted)));
    expect(await find(copy)).toBe(join(copy, DAY, nameOf(id)));
    await rm(join(copy, "sessions"), { recursive: true });
    expect(await find(copy)).toBeUndefined();
  });

  it("finds the home's own file, also if a copy of the home is inside it or around it", async () => {
    await using made = await temporaryFolder();
    const [outer, inner] = [join(made.path, "outer"), join(made.path, "outer/backup")];
    index(outer, await put(join(outer, DAY, nameOf(id))));
    await mkdir(inner);
    for (const part of ["sessions", "state_5.sqlite"])
      await cp(join(outer, part), join(inner, part), { recursive: true });
    expect(await find(inner)).toBe(join(inner, DAY, nameOf(id)));
    index(outer, join(inner, DAY, nameOf(id)));
    expect(await find(outer)).toBe(join(outer, DAY, nameOf(id)));
    await rm(join(outer, DAY), { recursive: true });
    expect(await find(outer)).toBeUndefined();
    await rm(join(inner, DAY), { recursive: true });
    expect(await find(inner)).toBeUndefined();
  });

  it("finds a file in a copy of a home that was archived or compressed since", async () => {
    await using made = await temporaryFolder();
    const [first, copy] = [join(made.path, "first"), join(made.path, "copy")];
    index(first, await put(join(first, DAY, nameOf(id))));
    await cp(first, copy, { recursive: true });
    await rename(join(copy, DAY, nameOf(id)), join(copy, DAY, `${nameOf(id)}.zst`));
    expect(await find(copy)).toBe(join(copy, DAY, `${nameOf(id)}.zst`));
    await mkdir(join(copy, "archived_sessions"));
    await rename(join(copy, DAY, `${nameOf(id)}.zst`), join(copy, "archived_sessions", nameOf(id)));
    expect(await findRollout(id, { codexHome: copy })).toMatchObject({
      path: join(copy, "archived_sessions", nameOf(id)),
      archived: true,
    });
  });

  it("returns a path below the home as it is given, if the home or its folders are links", async () => {
    await using made = await temporaryFolder();
    const [real, linked, disk] = ["real", "linked", "disk"].map((name) => join(made.path, name)) as [
      string,
      string,
      string,
    ];
    await put(join(disk, "2026/11/20", nameOf(id)));
    await mkdir(real);
    await symlink(disk, join(real, "sessions"));
    await symlink(real, linked);
    for (const named of [
      join(real, DAY, nameOf(id)),
      join(linked, DAY, nameOf(id)),
      join(disk, "2026/11/20", nameOf(id)),
    ]) {
      index(real, named);
      for (const codexHome of [real, linked]) {
        const found = await find(codexHome);
        expect(await realpath(found ?? "")).toBe(join(disk, "2026/11/20", nameOf(id)));
        expect(found).toBe(join(codexHome, DAY, nameOf(id)));
      }
    }
  });

  it("skips a file whose first line names another thread", async () => {
    await using made = await temporaryFolder();
    const path = await put(join(made.path, DAY, nameOf(id)), metaOf(other));
    expect(await find(made.path)).toBeUndefined();
    index(made.path, path);
    expect(await find(made.path)).toBeUndefined();
    const own = await put(join(made.path, "sessions/2026/11/22", nameOf(id)), "garbage");
    expect(await find(made.path)).toBe(own);
  });

  it("reads a long first line as far as its id", async () => {
    await using made = await temporaryFolder();
    const long = (threadId: string) =>
      `{"timestamp":"2026-11-20T22:30:45.000Z","ordinal":0,"type":"session_meta","payload":{"account_scoped":true,"session_id":"${id}","id":"${threadId}","base_instructions":{"text":"${"x".repeat(9000)}"}}}`;
    const path = await put(join(made.path, DAY, nameOf(id)), long(other));
    expect(await find(made.path)).toBeUndefined();
    await writeFile(path, long(id));
    expect(await find(made.path)).toBe(path);
  });

  it("finds a file in a dated archive and in a folder that the user created", async () => {
    await using made = await temporaryFolder();
    const kept = await put(join(made.path, "sessions/kept/parser", nameOf(id)));
    expect(await find(made.path)).toBe(kept);
    const archived = await put(join(made.path, "archived_sessions/2026/11/20", nameOf(id)));
    await rm(kept);
    expect(await findRollout(id, { codexHome: made.path })).toMatchObject({ path: archived, archived: true });
  });
});

describe("followRollout", () => {
  it("waits for the file and its directories, yields whole lines as they appear, and the last ones when it is aborted", async () => {
    const path = join(folder.path, "not", "yet", "here.jsonl");
    const stop = new AbortController();
    const heard: string[] = [];
    let wake = () => {};
    const following = (async () => {
      for await (const entry of followRollout(path, { signal: stop.signal, pollIntervalMs: 60_000 })) {
        heard.push(entry.kind === "line" && entry.line.type === "event_msg" ? String(entry.line.payload.message) : "?");
        wake();
      }
    })();
    const hear = async (count: number) => {
      while (heard.length < count)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    };
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, event("one"));
    await hear(1);
    await appendFile(path, event("two").slice(0, 20));
    await appendFile(path, event("two").slice(20) + event("three"));
    await hear(3);
    for (let number = 0; number < 50; number++) await appendFile(path, event(`more ${number}`));
    stop.abort();
    await following;
    expect(heard).toEqual(["one", "two", "three", ...Array.from({ length: 50 }, (_, number) => `more ${number}`)]);
  });

  it("does not wait for a pipe", async () => {
    const path = join(folder.path, "followed.jsonl");
    execFileSync("mkfifo", [path]);
    await expect(followRollout(path).next()).rejects.toMatchObject({ code: "not_a_file" });
  });

  it("begins at the given offset, and reports a replaced file", async () => {
    const path = join(folder.path, "replaced.jsonl");
    await writeFile(path, event("one") + event("two"));
    const from = event("one").length;
    const following = followRollout(path, { from, pollIntervalMs: 20 });
    expect((await following.next()).value).toMatchObject({ offset: from });
    const next = following.next();
    await writeFile(`${path}.new`, await readFile(path));
    await rename(`${path}.new`, path);
    await expect(next).rejects.toMatchObject({ code: "replaced" });
  });
});
