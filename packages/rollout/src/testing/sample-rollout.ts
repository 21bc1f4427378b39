/** Returns a line as codex 0.169 writes it, reduced to what matters. */
const line = (ordinal: number, type: string, payload: object) =>
  JSON.stringify({ timestamp: "2026-01-02T03:04:05.678Z", ordinal, type, payload });

export interface SampleCall {
  readonly callId: string;
  readonly output: string;
}

/** Returns a rollout with one turn that makes all these calls. */
export function sampleRollout(calls: readonly SampleCall[], padding = 0): string {
  const lines = [
    line(0, "session_meta", {
      id: "01a1fb15-63b2-7533-9ec8-b7aa484b56ae",
      cli_version: "0.169.0",
      history_mode: "paginated",
    }),
    line(1, "event_msg", { type: "task_started", turn_id: "turn_1" }),
  ];
  for (const { callId, output } of calls)
    lines.push(
      line(lines.length, "response_item", {
        type: "function_call",
        name: "read",
        arguments: '{"path":"a/long/path"}',
        call_id: callId,
      }),
      line(lines.length + 1, "response_item", { type: "function_call_output", call_id: callId, output }),
      line(lines.length + 2, "event_msg", { type: "agent_message", message: "x".repeat(padding) }),
    );
  lines.push(line(lines.length, "event_msg", { type: "task_complete", turn_id: "turn_1" }));
  return `${lines.join("\n")}\n`;
}

export const sampleCalls = (count: number, outputBytes = 200): SampleCall[] =>
  Array.from({ length: count }, (_, index) => ({
    callId: `call_${index}`,
    output: `${index} `.padEnd(outputBytes, "secret "),
  }));
