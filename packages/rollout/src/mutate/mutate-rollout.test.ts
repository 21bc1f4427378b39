import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CallEdit, consumeHeavy, consumeLight, mutateRollout, RolloutError } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { mutateWith } from "./mutate-rollout.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
async function rollout(content: string | Buffer): Promise<string> {
  const path = join(folder.path, `${count++}.jsonl`);
  await writeFile(path, content);
  return path;
}

const line = (payload: object, type = "response_item") =>
  JSON.stringify({ timestamp: "2026-01-02T03:04:05Z", type, payload });
const lastOf = async (path: string) => JSON.parse((await readFile(path, "utf8")).trimEnd().split("\n").at(-1) ?? "");

describe("the bytes", () => {
  /** JSON text that does not survive parsing and serializing: big numbers, duplicate keys, escapes, spaces. */
  const oddity = fc.constantFrom(
    '"big":123456789012345678901234567890.10',
    '"same":1,"same":2',
    '"escaped":"\\u00e9\\/\\u2028\\ud834\\udd1e"',
    '"spaced" :  [ 1 , { } , null ]',
    '"z":0,"a":-1.5E+10',
    '"text":"\u2028 call_1 \\"call_1\\" é"',
  );
  const ids = ["call_1", "call_2", "call_3"];
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }).map((text) => JSON.stringify(text)),
    fc
      .array(fc.record({ type: fc.constant("input_text"), text: fc.string({ maxLength: 30 }) }), { maxLength: 4 })
      .map((all) => JSON.stringify(all)),
  );
  const item = fc
    .tuple(fc.constantFrom(...ids, "call_other"), fc.integer({ min: 0, max: 4 }), value, oddity, oddity)
    .map(([id, kind, output, before, after]) => {
      const call = `"call_id":${JSON.stringify(id)}`;
      const payload = [
        `"type":"function_call","name":"f",${before},"arguments":${JSON.stringify(output)},${call}`,
        `"type":"function_call_output",${call},${before},"output":${output},${after}`,
        `"output":${output},${before},"type":"custom_tool_call_output", ${call} `,
        `"type":"custom_tool_call",${call},"input":${JSON.stringify(output)},${after}`,
        `"type":"function_call_output",${call},"output":"first","output":${output}`,
      ][kind];
      return `{"timestamp":"2026-01-02T03:04:05Z",${before},"type":"response_item","payload":{${payload}},${after}}`;
    });
  const noise = fc.constantFrom(
    "",
    'not json "call_1"',
    "\0\0\0",
    '{"type":"event_msg","payload":{"call_id":"call_1","output":"kept"}}',
    '{"half":"call_1',
    "[]",
  );
  const content = fc
    .array(fc.oneof({ weight: 3, arbitrary: item }, noise), { maxLength: 25 })
    .map((lines) => lines.join("\n"));

  /** Expects everything around the values of a key to be in its place, byte for byte. */
  const expectAroundSame = (oldLine: string, newLine: string, key: string) => {
    const [old, now] = [Buffer.from(oldLine).toString("latin1"), Buffer.from(newLine).toString("latin1")];
    let at = 0;
    for (const match of now.matchAll(new RegExp(`(?<="${key}":)"" *`, "g"))) {
      expect(now.slice(at, match.index)).toBe(old.slice(at, match.index));
      at = match.index + match[0].length;
    }
    expect(at).toBeGreaterThan(0);
    expect(now.slice(at)).toBe(old.slice(at));
  };

  it("outside of the named values and their padding stay in place, and the rest parses to the new values", async () => {
    await fc.assert(
      fc.asyncProperty(
        content,
        fc.boolean(),
        fc.array(fc.constantFrom(...ids), { minLength: 1 }),
        async (text, ends, wanted) => {
          const path = await rollout(ends ? `${text}\n` : text);
          const old = await readFile(path);
          const edits = [...new Set(wanted)].map((callId): CallEdit => ({ callId, output: "", arguments: "" }));
          const report = await mutateRollout(path, edits, { repeatedIds: true });
          const now = await readFile(path);
          expect(report.mode).not.toBe("rewritten");
          expect(now.length).toBe(old.length);
          const oldLines = old.toString().split("\n");
          const newLines = now.toString().split("\n");
          expect(newLines.length).toBe(oldLines.length);
          for (const [index, oldLine] of oldLines.entries()) {
            const newLine = newLines[index] ?? "";
            expect(Buffer.byteLength(newLine)).toBe(Buffer.byteLength(oldLine));
            const parsed = /^\{"timestamp/.test(oldLine) ? JSON.parse(oldLine) : undefined;
            if (!parsed || !wanted.includes(parsed.payload.call_id)) expect(newLine).toBe(oldLine);
            else {
              const key = ["output", "arguments", "input"].find((name) => name in parsed.payload) ?? "";
              expect(JSON.parse(newLine)).toEqual({ ...parsed, payload: { ...parsed.payload, [key]: "" } });
              expectAroundSame(oldLine, newLine, key);
            }
          }
          const before = await stat(path, { bigint: true });
          expect(await mutateRollout(path, edits, { repeatedIds: true })).toMatchObject({
            mode: "unchanged",
            touched: report.touched,
            bytesFreed: 0,
          });
          expect((await stat(path, { bigint: true })).mtimeNs).toBe(before.mtimeNs);
          await rm(path);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("are found wherever the boundaries of chunks are", async () => {
    for (const size of [65_000, 65_536, 131_072, 1_114_112, 3_000_000]) {
      const path = await rollout(
        [
          line({ type: "function_call", call_id: "call_x", arguments: "{}" }),
          line({ type: "function_call_output", call_id: "call_x", output: "o".repeat(70_000) }),
          line({ type: "message", text: "m".repeat(size) }),
        ].join("\n"),
      );
      for (let shift = 0; shift < 40; shift++) {
        await writeFile(path, "z".repeat(shift), { flag: "a" });
        const report = await mutateRollout(path, [consumeLight("call_x")], { dryRun: true });
        expect(report).toMatchObject({ touched: ["call_x"], dryRun: true, mode: "unchanged" });
        expect(report.bytesFreed).toBe(70_002 - 15);
      }
    }
  });

  it("of a hundred calls are found in one pass", async () => {
    const calls = sampleCalls(300);
    const path = await rollout(sampleRollout(calls, 1_000));
    const ids = calls.map((call) => call.callId).filter((_, index) => index % 3 === 0);
    expect(await mutateRollout(path, [...ids, "call_none"].map(consumeLight))).toMatchObject({
      touched: ids,
      missing: ["call_none"],
      skipped: [],
    });
  });
});

describe("an edit", () => {
  it("uses the room that an earlier edit left", async () => {
    const path = await rollout(sampleRollout(sampleCalls(1, 500)));
    for (const output of ["short", "l".repeat(480), "short", "m".repeat(500)])
      expect(await mutateRollout(path, [{ callId: "call_0", output }])).toMatchObject({ mode: "in-place" });
    expect(await readFile(path, "utf8")).toContain("m".repeat(500));
  });

  it.each([
    [
      { type: "local_shell_call", call_id: "c", action: { type: "exec", command: ["cat", "x"] } },
      { action: { type: "exec", command: [] } },
    ],
    [{ type: "tool_search_call", call_id: "c", arguments: { query: "x" } }, { arguments: {} }],
    [{ type: "custom_tool_call", call_id: "c", input: "*** Begin Patch" }, { input: "{}" }],
    [{ type: "tool_search_output", call_id: "c", tools: [{ name: "x" }] }, { tools: [] }],
    [
      { type: "function_call_output", call_id: "c", output: [{ type: "input_image", image_url: "data:," }] },
      { output: "...(tool called)" },
    ],
  ])("of %o", async (payload, expected) => {
    const path = await rollout(`${line(payload)}\n`);
    await mutateRollout(path, [consumeHeavy("c")]);
    expect((await lastOf(path)).payload).toEqual({ ...payload, ...expected });
  });

  it("includes the items of a compacted history", async () => {
    const history = [
      { type: "function_call_output", call_id: "c", output: "a long old output of c" },
      { type: "message" },
    ];
    const path = await rollout(
      `${line({ type: "function_call", call_id: "c", arguments: "{}" })}\n${line({ message: "", replacement_history: history }, "compacted")}\n`,
    );
    await mutateRollout(path, [consumeLight("c")]);
    expect((await lastOf(path)).payload.replacement_history[0].output).toBe("...(consumed)");
  });

  it("includes codex's copies for its display only if requested", async () => {
    const copy = line(
      {
        type: "mcp_tool_call_end",
        call_id: "c",
        invocation: { arguments: { secret: 1 } },
        result: { Ok: { content: [{ type: "text", text: "a long old output" }] } },
      },
      "event_msg",
    );
    const path = await rollout(
      `${line({ type: "function_call", call_id: "c", arguments: "{}" })}\n${line({ type: "function_call_output", call_id: "c", output: "a long old output" })}\n${copy}\n`,
    );
    await mutateRollout(path, [consumeHeavy("c")]);
    expect(await readFile(path, "utf8")).toContain(copy);
    await mutateRollout(path, [consumeHeavy("c")], { scrubDisplayCopies: true });
    expect((await lastOf(path)).payload).toMatchObject({
      invocation: { arguments: {} },
      result: { Ok: { content: [{ text: "...(tool called)" }] } },
    });
  });

  it("of a call without output, as a killed codex leaves it, replaces its arguments", async () => {
    const path = await rollout(`${line({ type: "function_call", call_id: "c", arguments: '{"a":1}' })}\n`);
    const skipped = [{ callId: "c", reason: "no_output" }];
    expect(await mutateRollout(path, [consumeLight("c")])).toMatchObject({ mode: "unchanged", touched: [], skipped });
    const heavy = { touched: ["c"], missing: [], skipped: [] };
    expect(await mutateRollout(path, [consumeHeavy("c")])).toMatchObject({ mode: "in-place", ...heavy });
    expect((await lastOf(path)).payload.arguments).toBe("{}");
    expect(await mutateRollout(path, [consumeHeavy("c")])).toMatchObject({ mode: "unchanged", ...heavy });
  });

  it.each(["", "call_1"])("of the id %j does not change calls or outputs without an id", async (callId) => {
    const without = [
      { type: "function_call", arguments: '{"a":""}' },
      { type: "function_call_output", output: `an output with "" and call_1, quoted: "call_1"` },
      { type: "function_call_output", call_id: null, output: "" },
      { type: "custom_tool_call_output", call_id: 1, output: ["", "call_1"] },
    ];
    const copy = { type: "mcp_tool_call_end", result: { Ok: { content: [{ text: "" }, "call_1"] } } };
    const path = await rollout(
      `${without.map((one) => line(one)).join("\n")}\n${line(copy, "event_msg")}\n${line({ message: "", replacement_history: without }, "compacted")}\n`,
    );
    const before = await readFile(path);
    const report = await mutateRollout(path, [consumeHeavy(callId)], { scrubDisplayCopies: true, repeatedIds: true });
    expect(report).toMatchObject({ mode: "unchanged", touched: [], missing: [callId] });
    expect(await readFile(path)).toEqual(before);
  });

  it("of two calls with one id changes the last one, or both", async () => {
    const pair = (output: string) =>
      `${line({ type: "function_call", call_id: "c", arguments: "{}" })}\n${line({ type: "function_call_output", call_id: "c", output })}\n`;
    const path = await rollout(pair("the first of two outputs") + pair("the second of two outputs"));
    await mutateRollout(path, [consumeLight("c")]);
    expect(await readFile(path, "utf8")).toMatch(/the first.*consumed/s);
    await mutateRollout(path, [consumeLight("c")], { repeatedIds: true });
    expect(await readFile(path, "utf8")).not.toContain("the first");
  });

  it("writes no half of a surrogate pair, since codex would drop the line", async () => {
    const call = { type: "function_call", call_id: "c", arguments: '{"a":"some longer text"}' };
    const search = { type: "tool_search_call", call_id: "s", arguments: { query: "some longer text" } };
    const output = { type: "function_call_output", call_id: "c", output: "an output with room" };
    const path = await rollout(`${[call, search, output].map((one) => line(one)).join("\n")}\n`);
    const half = "cut: \ud83d";
    const edits = [
      { callId: "c", output: half, arguments: half },
      { callId: "s", arguments: '{"query":"\\ud83d"}' },
    ];
    expect(await mutateRollout(path, edits)).toMatchObject({ mode: "in-place", touched: ["c", "s"] });
    const payloads = (await readFile(path, "utf8"))
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text).payload);
    expect(payloads[0].arguments).toBe("cut: \ufffd");
    expect(payloads[1].arguments).toEqual({});
    expect(payloads[2].output).toBe("cut: \ufffd");
    expect(await mutateRollout(path, edits)).toMatchObject({ mode: "unchanged", touched: ["c", "s"] });
  });

  it("does not change a line longer than allowed", async () => {
    const path = await rollout(sampleRollout(sampleCalls(2, 5_000)));
    const before = await readFile(path);
    const report = await mutateRollout(path, [consumeHeavy("call_0")], { maxLineBytes: 4_000 });
    expect(report).toMatchObject({ mode: "unchanged", touched: [], skipped: [{ reason: "line_too_long" }] });
    expect(await readFile(path)).toEqual(before);
  });
});

describe("the file", () => {
  const edits = [consumeLight("call_0")];
  const codeOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => (RolloutError.isInstance(error) ? error.code : error),
    );

  it("may be missing, empty, or end in an empty line", async () => {
    expect(await mutateRollout(join(folder.path, "none"), edits)).toMatchObject({
      mode: "unchanged",
      missing: ["call_0"],
    });
    expect(await mutateRollout(await rollout(""), edits)).toMatchObject({ mode: "unchanged", missing: ["call_0"] });
    const path = await rollout(`${sampleRollout(sampleCalls(1))}\n`);
    expect(await mutateRollout(path, edits)).toMatchObject({ mode: "in-place", touched: ["call_0"] });
    expect((await readFile(path, "utf8")).endsWith("\n\n")).toBe(true);
  });

  it("may be a symbolic link to one, which stays, but not a directory", async () => {
    const path = await rollout(sampleRollout(sampleCalls(1)));
    const link = join(folder.path, "link.jsonl");
    await symlink(path, link);
    expect(await mutateRollout(link, edits)).toMatchObject({ mode: "in-place" });
    expect(await readFile(path, "utf8")).toContain("consumed");
    const directory = join(folder.path, "directory.jsonl");
    await mkdir(directory);
    expect(await codeOf(mutateRollout(directory, edits))).toBe("not_a_file");
  });

  it("may be removed or replaced during the search: nothing is lost", async () => {
    for (const replace of [false, true]) {
      const path = await rollout(sampleRollout(sampleCalls(1)));
      let opened = 0;
      const files = {
        ...nodeFiles,
        open: async (...args: Parameters<typeof nodeFiles.open>) => {
          if (args[0] === path && ++opened === 2) {
            await rm(path);
            if (replace) await writeFile(path, "another file\n");
          }
          return nodeFiles.open(...args);
        },
      };
      expect(await codeOf(mutateWith(files, path, edits))).toBe(replace ? "replaced" : "not_found");
      if (replace) expect(await readFile(path, "utf8")).toBe("another file\n");
    }
  });

  it("may be read-only for this user: there is a typed error, and no byte changes", async () => {
    const path = await rollout(sampleRollout(sampleCalls(1)));
    const before = await readFile(path);
    await chmod(path, 0o444);
    const script = `import { mutateRollout } from ${JSON.stringify(fileURLToPath(new URL("mutate-rollout.ts", import.meta.url)))};
await mutateRollout(${JSON.stringify(path)}, [{ callId: "call_0", output: "x" }]).catch((error) => console.log(error.code));`;
    // Root may write anything, unless it drops its capabilities.
    const args = ["--input-type=module", "--disable-warning=ExperimentalWarning", "-e", script];
    const isRoot = process.getuid?.() === 0;
    const drop = ["--inh-caps=-all", "--bounding-set=-all", process.execPath, ...args];
    const { stdout } = isRoot
      ? spawnSync("setpriv", drop, { encoding: "utf8" })
      : spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(stdout).toBe("not_permitted\n");
    expect(await readFile(path)).toEqual(before);
  });

  it("may be on a full disk: there is a typed error or a complete edit", async () => {
    const disk = join(folder.path, "disk");
    await mkdir(disk);
    const content = sampleRollout(sampleCalls(3, 30_000));
    const path = join(disk, "rollout.jsonl");
    const grow = [{ callId: "call_1", output: "g".repeat(60_000) }];
    const attempt = `import { mutateRollout } from ${JSON.stringify(fileURLToPath(new URL("mutate-rollout.ts", import.meta.url)))};
import { readFileSync, writeFileSync } from "node:fs";
const { path, content, grow } = JSON.parse(readFileSync(process.argv[2], "utf8"));
writeFileSync(path, content);
for (let size = 1 << 20; size >= 1; size >>= 1) try { for (;;) writeFileSync(path + ".filler", "x".repeat(size), { flag: "a" }); } catch {}
const grown = await mutateRollout(path, grow).then((report) => report.mode, (error) => error.code);
const same = readFileSync(path, "utf8") === content;
const light = await mutateRollout(path, [{ callId: "call_1", output: "x" }]).then((report) => report.mode, (error) => error.code);
const now = readFileSync(path, "utf8");
console.log(JSON.stringify({ grown, same, light, length: now.length, changed: now !== content }));`;
    // A private file system. Users need no rights for it if they may create namespaces, and root needs no others.
    const inner = `mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@"`;
    const script = join(folder.path, "attempt.mts");
    const input = join(folder.path, "attempt.json");
    await writeFile(script, attempt);
    await writeFile(input, JSON.stringify({ path, content, grow }));
    const args = ["--disable-warning=ExperimentalWarning", script, input];
    const run = spawnSync("unshare", ["-rm", "sh", "-c", inner, disk, process.execPath, ...args], { encoding: "utf8" });
    const hasDisk = run.stdout.startsWith("{");
    if (hasDisk) {
      const outcome = JSON.parse(run.stdout);
      expect(outcome).toMatchObject({ grown: "no_space", same: true, length: content.length });
      expect(outcome.light).toBe(outcome.changed ? "in-place" : "no_space");
    } else {
      // Without a private file system: every write reports a full disk. crash.test.ts lets each single write fail.
      await writeFile(path, content);
      const full = {
        ...nodeFiles,
        open: async (...args: Parameters<typeof nodeFiles.open>) => ({
          ...(await nodeFiles.open(...args)),
          write: () => Promise.reject(Object.assign(new Error(), { code: "ENOSPC" })),
        }),
      };
      expect(await codeOf(mutateWith(full, path, grow))).toBe("no_space");
      expect(await readFile(path, "utf8")).toBe(content);
    }
  });

  it("keeps its mode when it is rewritten", async () => {
    const path = await rollout(sampleRollout(sampleCalls(2)));
    await chmod(path, 0o640);
    expect(await mutateRollout(path, [{ callId: "call_0", output: "g".repeat(1_000) }])).toMatchObject({
      mode: "rewritten",
      bytesFreed: -800,
    });
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(execFileSync("ls", ["-A", folder.path], { encoding: "utf8" })).not.toContain(".plexum");
  });
});
