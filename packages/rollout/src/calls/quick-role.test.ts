import fc from "fast-check";
import { expect, it } from "vitest";
import { hashOf } from "./call-table.ts";
import { lineRole } from "./line-role.ts";
import { hashAt, outputIdAt, payloadTypeAt, quickRole } from "./quick-role.ts";

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
        output: fc.string({ unit: "binary" }),
        padding: fc.constant("x".repeat(200)),
      },
      { requiredKeys: ["type", "padding"] },
    ),
  })
  .map((line) => Buffer.from(JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ...line })));

it("determines the same role for any line as lineRole does, or none", () => {
  fc.assert(
    fc.property(anyLine, (bytes) => {
      const at = payloadTypeAt(bytes, 0, bytes.length);
      const role = at === 0 ? undefined : quickRole(bytes, at);
      if (role !== undefined)
        expect(role).toBe(lineRole({ head: (length) => bytes.toString("latin1", 0, Math.min(length, bytes.length)) }));
    }),
    { numRuns: 3_000 },
  );
});

it("finds the id of an output, or none", () => {
  fc.assert(
    fc.property(anyLine, (bytes) => {
      const at = payloadTypeAt(bytes, 0, bytes.length);
      if (at === 0 || quickRole(bytes, at) !== "output") return;
      const idAt = outputIdAt(bytes, at);
      const hash = idAt === 0 ? undefined : hashAt(bytes, idAt);
      if (hash !== undefined) expect(hash).toBe(hashOf(JSON.parse(bytes.toString()).payload.call_id));
    }),
    { numRuns: 3_000 },
  );
});
