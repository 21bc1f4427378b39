import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProviderEvent } from "@plexum/plugin-sdk";
import { expect, onTestFinished, test, vi } from "vitest";
import { ToolCallEvents } from "./tool-call-events.ts";

const line = (payload: object) => `${JSON.stringify({ timestamp: "", type: "response_item", payload })}\n`;
const call = line({ type: "function_call", call_id: "call_a", name: "read", arguments: "{}" });
const output = line({ type: "function_call_output", call_id: "call_a", output: "found" });

/** Follows a rollout that has a call in it, until the call is emitted. */
async function following() {
  const folder = await mkdtemp(join(tmpdir(), "tool-call-events-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const rollout = join(folder, "rollout.jsonl");
  await writeFile(rollout, call);
  const emitted: ProviderEvent[] = [];
  const warnings: string[] = [];
  const calls = new ToolCallEvents(
    async (event) => void emitted.push(event),
    (_level, message) => warnings.push(message),
    new Map(),
    { namespace: "mcp__host", byCodexName: new Map([["read_a", "read a!"]]) },
  );
  calls.follow(rollout, 0);
  await vi.waitFor(() => expect(emitted).toHaveLength(3));
  return { calls, rollout, emitted, warnings };
}

test("emits everything that codex has written by the end", async () => {
  const { calls, rollout, emitted, warnings } = await following();
  await writeFile(rollout, output, { flag: "a" });
  await calls[Symbol.asyncDispose]();
  expect(emitted.at(-1)).toMatchObject({ type: "tool_result", tool_result: { content: "found", is_error: false } });
  expect(warnings).toEqual([]);
});

test("a call of a host tool has the host's name, and a call of codex's own tool keeps its name", async () => {
  const { calls, rollout, emitted } = await following();
  for (const [namespace, name] of [
    ["mcp__host", "read_a"],
    ["mcp__host", "other"],
    ["mcp__mine", "read_a"],
  ])
    await writeFile(
      rollout,
      line({ type: "function_call", call_id: `${namespace} ${name}`, name, namespace, arguments: "" }),
      {
        flag: "a",
      },
    );
  await calls[Symbol.asyncDispose]();
  const names = emitted.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.name] : []));
  expect(names).toEqual(["read", "read a!", "other", "read_a"]);
});

test("does not wait for a rollout that was moved away, and logs a warning at the end", async () => {
  const { calls, rollout, emitted, warnings } = await following();
  await rename(rollout, `${rollout}.archived`);
  await calls.catchUp();
  await calls[Symbol.asyncDispose]();
  expect(emitted.at(-1)).toMatchObject({ type: "tool_result", tool_result: { content: "aborted", is_error: true } });
  expect(warnings).toEqual([expect.stringContaining(rollout)]);
});
