import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Files, nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type CallEdit, consumeHeavy, consumeLight, mutateRollout, readThreadCalls } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { mutateWith } from "./mutate-rollout.ts";

const ids = ["call_1", "call_2", "call_3", 'call_"4"', "exec-5", "é6"];
const anyId = fc.constantFrom(...ids);
const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constant("x".repeat(300)), anyId);
const anyItem = fc.oneof(
  fc.record({
    type: fc.constantFrom("function_call", "tool_search_call", "future_call"),
    id: fc.constantFrom("fc_1", undefined),
    name: fc.constant("read"),
    arguments: anyText,
    call_id: anyId,
  }),
  fc.record({ type: fc.constant("custom_tool_call"), call_id: anyId, name: fc.constant("exec"), input: anyText }),
  fc.record({
    type: fc.constantFrom("function_call_output", "custom_tool_call_output", "future_output"),
    call_id: anyId,
    output: fc.oneof(
      anyText,
      fc.array(fc.record({ type: fc.constant("input_text"), text: anyText }), { maxLength: 2 }),
    ),
  }),
  fc.record({ type: fc.constant("reasoning"), summary: anyText, call_id: anyId }),
  fc.record({ type: fc.constant("message"), role: fc.constantFrom("user", "assistant"), content: fc.constant([]) }),
);
const anyEvent = fc.oneof(
  fc.record({ type: fc.constantFrom("task_started", "task_complete"), turn_id: fc.constantFrom("turn_1", "turn_2") }),
  fc.record({ type: fc.constant("thread_rolled_back"), num_turns: fc.constantFrom(1, 2) }),
  fc.record({ type: fc.constant("user_message"), message: anyText }),
  fc.record({ type: fc.constant("agent_message"), message: anyText }),
  fc
    .constantFrom(null, { last_token_usage: { input_tokens: 9_000, cached_input_tokens: 8_000, output_tokens: 5 } })
    .map((usage) => ({ type: "token_count", info: usage && { ...usage, total_token_usage: usage.last_token_usage } })),
);
const anyContent = fc.oneof(
  { weight: 6, arbitrary: anyItem.map((payload) => ({ type: "response_item", payload })) },
  { weight: 3, arbitrary: anyEvent.map((payload) => ({ type: "event_msg", payload })) },
  {
    weight: 1,
    arbitrary: fc
      .array(anyItem, { maxLength: 3 })
      .map((items) => ({ type: "compacted", payload: { message: "sum", replacement_history: items } })),
  },
);
/** Lines as codex writes them, lines with the same content in other forms, and lines that are none. */
const anyLine = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.option(fc.nat(), { nil: undefined }), anyContent)
      .map(([ordinal, content]) => JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ordinal, ...content })),
  },
  {
    weight: 1,
    arbitrary: anyContent.map(({ type, payload }) =>
      JSON.stringify({ payload: Object.fromEntries(Object.entries(payload).reverse()), type }),
    ),
  },
  { weight: 1, arbitrary: anyContent.map((content) => ` ${JSON.stringify(content, null, 1).replaceAll("\n", "\t")} `) },
  { weight: 1, arbitrary: fc.constantFrom("", "{", '{"timestamp":"2026-01-02T03:04:05.678Z","type":"response_item"') },
);
const asFile = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
const anyFile = fc.array(anyLine, { maxLength: 25 }).map(asFile);

const anyEdits = fc
  .uniqueArray(anyId, { minLength: 1 })
  .chain((some) => fc.tuple(...some.map((id) => fc.constantFrom(consumeLight(id), consumeHeavy(id)))));

/** Mutates a copy of a rollout. Returns the report and what the file is like then. */
async function mutated(folder: string, content: string, edits: readonly CallEdit[], options: object) {
  const path = join(folder, "copy.jsonl");
  await writeFile(path, content);
  const report = await mutateRollout(path, edits, { estimate: true, ...options });
  const after = await readFile(path, "utf8");
  await rm(path);
  return { report, after };
}

it("a mutation with places does what one without them does, for any rollout and whatever was appended since", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  let edited = 0;
  await fc.assert(
    fc.asyncProperty(anyFile, fc.oneof(fc.constant(""), anyFile), anyEdits, async (content, appended, edits) => {
      await rm(path, { force: true });
      await writeFile(path, content);
      const { places } = await readThreadCalls(path);
      await appendFile(path, appended);
      const report = await mutateRollout(path, edits, { estimate: true, places });
      const expected = await mutated(folder.path, content + appended, edits, {});
      expect(report).toEqual(expected.report);
      expect(await readFile(path, "utf8")).toBe(expected.after);
      if (report.mode === "in-place") edited++;
    }),
    { numRuns: 200 },
  );
  expect(edited).toBeGreaterThan(30);
});

it("places of a file that was written again since, in the same inode, are of no use and do no harm", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  await fc.assert(
    fc.asyncProperty(anyFile, anyFile, anyEdits, async (content, other, edits) => {
      await writeFile(path, content);
      const { places } = await readThreadCalls(path);
      await writeFile(path, `${other}${" ".repeat(content.length)}\n`);
      const expected = await mutated(folder.path, await readFile(path, "utf8"), edits, {});
      // The estimate may be that of the old file.
      const report = await mutateRollout(path, edits, { places });
      expect({ ...report, cost: expected.report.cost }).toEqual(expected.report);
      expect(await readFile(path, "utf8")).toBe(expected.after);
    }),
    { numRuns: 200 },
  );
});

it("with places, only the calls' own lines and what was appended since are read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "rollout.jsonl");
  const calls = sampleCalls(20, 2_000);
  await writeFile(path, sampleRollout(calls, 300_000));
  const thread = await readThreadCalls(path);
  await appendFile(path, '{"type":"event_msg","payload":{"type":"agent_message","message":"go on"}}\n');
  let bytesRead = 0;
  const files: Files = {
    ...nodeFiles,
    async open(...args) {
      const file = await nodeFiles.open(...args);
      const read: typeof file.read = (buffer, offset, length, position) => {
        bytesRead += length;
        return file.read(buffer, offset, length, position);
      };
      return { ...file, read };
    },
  };
  const edits = [consumeLight("call_0"), consumeHeavy("call_10")];
  expect(await mutateWith(files, path, edits, { places: thread.places })).toMatchObject({
    mode: "in-place",
    touched: ["call_0", "call_10"],
  });
  expect(bytesRead).toBeLessThan(300_000);
  bytesRead = 0;
  expect(await mutateWith(files, path, edits, {})).toMatchObject({ mode: "unchanged", touched: ["call_0", "call_10"] });
  expect(bytesRead).toBeGreaterThan(5_000_000);
});
