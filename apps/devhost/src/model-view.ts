import type { ModelRequest } from "@plexum/scripted-model";

/** What a model is sent of one call and its output. */
export interface CallView {
  readonly arguments: string;
  readonly output: string;
  /** The size of both together, in bytes. */
  readonly bytes: number;
}

/** Returns the model's view of a call, from what codex really sent it. */
export function viewOf(request: ModelRequest, callId: string): CallView {
  const items = request.input.filter((item) => item.call_id === callId);
  const call = items.find((item) => !("output" in item));
  const args = String(call?.arguments ?? call?.input ?? "");
  const output = request.outputsOf(callId).map(asText).join("\n");
  return { arguments: args, output, bytes: Buffer.byteLength(args) + Buffer.byteLength(output) };
}

function asText(output: unknown): string {
  if (!Array.isArray(output)) return String(output);
  return output.map((part: { text?: string; type: string }) => part.text ?? `[${part.type}]`).join("\n");
}
