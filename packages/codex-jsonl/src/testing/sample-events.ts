import fc from "fast-check";
import type { CodexEvent } from "../events.ts";
import type { CodexItem } from "../items.ts";

/** One item of every type, with every field set. */
const ITEMS: CodexItem[] = [
  { id: "item_0", type: "agent_message", text: "hello" },
  { id: "item_1", type: "reasoning", text: "hm" },
  { id: "item_2", type: "command_execution", command: "ls", aggregated_output: "a", exit_code: 0, status: "completed" },
  { id: "item_3", type: "file_change", changes: [{ path: "/a", kind: "add" }], status: "completed" },
  {
    id: "item_4",
    type: "mcp_tool_call",
    server: "s",
    tool: "t",
    arguments: { a: 1 },
    result: { content: [{ type: "text", text: "x" }], structured_content: { b: 2 }, _meta: {} },
    error: { message: "no" },
    status: "failed",
  },
  {
    id: "item_5",
    type: "collab_tool_call",
    tool: "spawn",
    sender_thread_id: "a",
    receiver_thread_ids: ["b"],
    prompt: "go",
    agents_states: { b: {} },
    status: "in_progress",
  },
  { id: "ws_1", type: "web_search", query: "q", action: { type: "search" } },
  { id: "item_7", type: "todo_list", items: [{ text: "x", completed: true }] },
  { id: "item_8", type: "error", message: "careful" },
];

/** One event of every type, with every field set. */
export const EVENTS: CodexEvent[] = [
  { type: "thread.started", thread_id: "01900000-0000-7000-8000-000000000001" },
  { type: "turn.started" },
  ...ITEMS.flatMap((item): CodexEvent[] => [
    { type: "item.started", item },
    { type: "item.updated", item },
    { type: "item.completed", item },
  ]),
  {
    type: "turn.completed",
    usage: {
      input_tokens: 5,
      cached_input_tokens: 4,
      cache_write_input_tokens: 3,
      output_tokens: 2,
      reasoning_output_tokens: 1,
    },
  },
  { type: "turn.failed", error: { message: "broken" } },
  { type: "error", message: "Reconnecting... 1/4" },
];

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, element]) => pathsOf(element, [...path, key]));
  return [path, ...inner];
}

/** Returns a copy of `value` with the element at `path` replaced, or deleted if the replacement is `undefined`. */
function replaceAt(value: unknown, path: Path, replacement: unknown): unknown {
  if (path.length === 0) return replacement ?? null;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  const last = path.at(-1) as string;
  if (replacement === undefined) delete at[last];
  else at[last] = replacement;
  // Deleting an array element leaves a hole, which JSON does not have.
  return JSON.parse(JSON.stringify(copy));
}

// zod leaves out a key of this name. In the result of JSON.parse it is harmless.
const json = fc.jsonValue().filter((value) => !JSON.stringify(value).includes("__proto__"));

/** Every event with each of its elements replaced by values that a check is likely to get wrong. */
export const NEAR_MISSES: unknown[] = EVENTS.flatMap((event) =>
  pathsOf(event).flatMap((path) =>
    [undefined, null, "", 0, Number.MAX_VALUE, false, [], [null], {}].map((value) => replaceAt(event, path, value)),
  ),
);

/** Events as codex writes them, and events with one element replaced or deleted, or with an unknown key. */
export const mutatedEvents: fc.Arbitrary<unknown> = fc.constantFrom(...EVENTS).chain((event) =>
  fc.oneof(
    fc.constant(event),
    fc
      .tuple(fc.constantFrom(...pathsOf(event)), fc.option(json, { nil: undefined }))
      .map(([path, replacement]) => replaceAt(event, path, replacement)),
    fc.tuple(fc.string(), json).map(([key, value]) => (key === "__proto__" ? event : { [key]: value, ...event })),
  ),
);
