import fc from "fast-check";
import { expect, it } from "vitest";
import { hashOf } from "./call-table.ts";
import { lineRole } from "./line-role.ts";
import {
  callIdAt,
  endOfString,
  hashAt,
  isTextOutput,
  outputIdAt,
  payloadTypeAt,
  quickRole,
  TURN_ID,
  turnEventAt,
} from "./quick-role.ts";

const uuid = "01a218bc-cb2d-7002-a966-5cd8edc575df";
const types = [
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "local_shell_call",
  "tool_search_call",
  "tool_search_output",
  "message",
  "reasoning",
  "token_count",
  "task_started",
  "task_complete",
  "turn_aborted",
  "thread_rolled_back",
  "user_message",
  "agent_message",
  "item_completed",
  "mcp_tool_call_end",
  "exec_command_end",
];
const items = ["UserMessage", "AgentMessage", "CommandExecution", "FileChange", "McpToolCall", "ContextCompaction"];

const anyLine = fc
  .record({
    ordinal: fc.option(fc.nat(), { nil: undefined }),
    type: fc.constantFrom("response_item", "event_msg", "compacted", "turn_context", "other"),
    payload: fc.record(
      {
        type: fc.constantFrom(...types),
        thread_id: fc.constant(uuid),
        turn_id: fc.constant(uuid),
        item: fc.record({ type: fc.constantFrom(...items), id: fc.constantFrom("call_1", "exec-1", "msg_1") }),
        id: fc.string({ maxLength: 40 }),
        call_id: fc.string({ minLength: 1, maxLength: 40 }),
        role: fc.constantFrom("user", "assistant"),
        arguments: fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('{"call_id":"call_2"}', '"call_id":"')),
        output: fc.oneof(fc.string({ unit: "binary" }), fc.array(fc.record({ type: fc.constant("input_image") }))),
        padding: fc.constant("x".repeat(200)),
      },
      { requiredKeys: ["type", "padding"] },
    ),
    isPaddedFirst: fc.boolean(),
  })
  // Codex puts the id of a call last.
  .map(({ isPaddedFirst, payload: { padding, type, ...payload }, ...line }) => ({
    ...line,
    payload: isPaddedFirst ? { type, padding, ...payload } : { type, ...payload, padding },
  }))
  .map((line) => Buffer.from(JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ...line })));

function roleOf(bytes: Buffer) {
  const at = payloadTypeAt(bytes, 0, bytes.length);
  return { at, role: at === 0 ? undefined : quickRole(bytes, at) };
}

it("determines the same role for any line as lineRole does, or none", () => {
  fc.assert(
    fc.property(anyLine, (bytes) => {
      const { role } = roleOf(bytes);
      if (role !== undefined)
        expect(role).toBe(lineRole({ head: (length) => bytes.toString("latin1", 0, Math.min(length, bytes.length)) }));
    }),
    { numRuns: 3_000 },
  );
});

it("finds the id of a call or an output, or none", () => {
  fc.assert(
    fc.property(anyLine, (bytes) => {
      const { at, role } = roleOf(bytes);
      if (role !== "output" && role !== "call") return;
      const idAt = role === "output" ? outputIdAt(bytes, at) : callIdAt(bytes, at, bytes.length);
      const end = idAt === 0 ? -1 : endOfString(bytes, idAt);
      const hash = end === -1 ? undefined : hashAt(bytes, idAt, end);
      const { call_id, output } = JSON.parse(bytes.toString()).payload;
      if (hash !== undefined) expect(hash).toBe(hashOf(call_id));
      if (hash !== undefined && role === "output" && isTextOutput(bytes, end)) expect(output).toBeTypeOf("string");
    }),
    { numRuns: 3_000 },
  );
});

it("finds the first or last event of a turn with its id, or none", () => {
  fc.assert(
    fc.property(anyLine, (bytes) => {
      const at = payloadTypeAt(bytes, 0, bytes.length);
      const type = at === 0 ? undefined : turnEventAt(bytes, at);
      const { type: kind, payload } = JSON.parse(bytes.toString());
      if (type === undefined) return;
      const idAt = at + type.length + TURN_ID.length;
      expect({ kind, type, id: bytes.toString("utf8", idAt, endOfString(bytes, idAt)) }).toEqual({
        kind: "event_msg",
        type: payload.type,
        id: payload.turn_id,
      });
    }),
    { numRuns: 3_000 },
  );
});
