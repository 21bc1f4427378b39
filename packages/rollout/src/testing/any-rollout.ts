import fc from "fast-check";

const ids = ["call_1", "call_2", "call_3", 'call_"4"', "exec-5", "é6"];
export const anyCallId = fc.constantFrom(...ids);
const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 30 }), fc.constant("x".repeat(300)), anyCallId);
const anyItem = fc.oneof(
  fc.record({
    type: fc.constantFrom("function_call", "tool_search_call", "future_call"),
    id: fc.constantFrom("fc_1", undefined),
    name: fc.constant("read"),
    arguments: anyText,
    call_id: anyCallId,
  }),
  fc.record({ type: fc.constant("custom_tool_call"), call_id: anyCallId, name: fc.constant("exec"), input: anyText }),
  fc.record({
    type: fc.constantFrom("function_call_output", "custom_tool_call_output", "future_output"),
    call_id: anyCallId,
    output: fc.oneof(
      anyText,
      fc.array(fc.record({ type: fc.constant("input_text"), text: anyText }), { maxLength: 2 }),
    ),
  }),
  fc.record({ type: fc.constant("reasoning"), summary: anyText, call_id: anyCallId }),
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
/** Lines as codex writes them, lines with the same content in other forms, and damaged lines. */
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
/** The content of a rollout, or of a file that looks like one. */
export const anyRollout = fc.array(anyLine, { maxLength: 25 }).map(asFile);
