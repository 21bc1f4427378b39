/** An item of the model's answer, as in the Responses API. */
export type OutputItem = Record<string, unknown> & { readonly type: string };

/** A message that the model writes piece by piece. The server sends it as the events of a streamed item. */
export interface StreamedMessage {
  readonly type: "streamed_message";
  readonly id: string;
  readonly pieces: readonly string[];
  /** The time between two pieces, in milliseconds. */
  readonly gapMs: number;
  /** The text of the completed item. */
  readonly completed: string;
  /** Whether `response.output_item.added` precedes the pieces. */
  readonly isAnnounced: boolean;
  readonly phase: string | undefined;
  /** Called as each piece is sent, with its index. */
  readonly onPiece: ((index: number) => void) | undefined;
}

export interface TokenUsage {
  readonly input: number;
  readonly cached?: number;
  readonly output: number;
  readonly reasoning?: number;
}

/** The model's reaction to one request. */
export type Reply =
  | {
      readonly kind: "answer";
      readonly items: readonly (OutputItem | StreamedMessage)[];
      readonly usage: TokenUsage;
      readonly delayMs?: number;
    }
  | {
      readonly kind: "http-error";
      readonly status: number;
      readonly body: string;
      readonly headers?: Record<string, string>;
    }
  /** The connection breaks after the answer has begun. */
  | { readonly kind: "drop" }
  /** The answer begins and never continues, until codex closes the connection. */
  | { readonly kind: "hang" }
  /** The answer begins and continues with these bytes, whatever they are. Then it ends, or the connection breaks. */
  | { readonly kind: "raw"; readonly text: string; readonly ending: "end" | "drop" };

const DEFAULT_USAGE: TokenUsage = { input: 100, cached: 40, output: 20, reasoning: 5 };

let nextId = 1;
const uniqueId = (prefix: string) => `${prefix}_${String(nextId++).padStart(6, "0")}`;

/** Returns an answer of several items: text, calls, reasoning. */
export function answer(
  items: readonly (OutputItem | StreamedMessage)[],
  usage: TokenUsage = DEFAULT_USAGE,
  delayMs = 0,
): Reply {
  return { kind: "answer", items, usage, delayMs };
}

export const say = (text: string, usage?: TokenUsage): Reply => answer([message(text)], usage);

/** Returns an HTTP error. A string `body` is sent verbatim. */
export function httpError(
  status: number,
  body: unknown = { error: { message: `scripted ${status}` } },
  headers?: Record<string, string>,
): Reply {
  return { kind: "http-error", status, body: typeof body === "string" ? body : JSON.stringify(body), headers };
}

/** @param phase `commentary` or `final_answer`, as newer models send it. */
export function message(text: string, phase?: string): OutputItem {
  return messageItem(uniqueId("msg"), text, phase);
}

/** Returns a message in pieces. The options say how it is streamed. */
export function streamedMessage(
  pieces: readonly string[],
  options: Partial<Pick<StreamedMessage, "gapMs" | "completed" | "isAnnounced" | "phase" | "onPiece">> = {},
): StreamedMessage {
  const { gapMs = 0, completed = pieces.join(""), isAnnounced = true, phase, onPiece } = options;
  return { type: "streamed_message", id: uniqueId("msg"), pieces, gapMs, completed, isAnnounced, phase, onPiece };
}

/** Returns the item of a complete message. */
export function messageItem(id: string, text: string, phase?: string): OutputItem {
  return {
    type: "message",
    role: "assistant",
    id,
    content: [{ type: "output_text", text }],
    ...(phase === undefined ? {} : { phase }),
  };
}

export function reasoning(summary: string): OutputItem {
  return {
    type: "reasoning",
    id: uniqueId("rs"),
    summary: [{ type: "summary_text", text: summary }],
    content: null,
    encrypted_content: null,
  };
}

/** Returns a call of a tool in direct mode. An MCP tool has the namespace `mcp__<server>` and its plain name. */
export function functionCall(
  name: string,
  args: unknown,
  options: { callId?: string; namespace?: string } = {},
): OutputItem {
  const { callId = uniqueId("call"), namespace } = options;
  return {
    type: "function_call",
    id: uniqueId("fc"),
    call_id: callId,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    arguments: typeof args === "string" ? args : JSON.stringify(args),
  };
}

/** Returns a call of codex's own shell tool (the same name in 0.135 and 0.169). */
export function shell(cmd: string, options: { callId?: string; yieldTimeMs?: number } = {}): OutputItem {
  return functionCall("exec_command", { cmd, yield_time_ms: options.yieldTimeMs ?? 10_000 }, options);
}

/** Returns a call of a tool whose input is raw text: `apply_patch`, or in code mode `exec` with a script. */
export function customCall(
  name: string,
  input: string,
  options: { callId?: string; namespace?: string } = {},
): OutputItem {
  const { callId = uniqueId("call"), namespace } = options;
  return {
    type: "custom_tool_call",
    id: uniqueId("ctc"),
    call_id: callId,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    input,
  };
}

/** Returns a call with a script of code mode: codex 0.144 and later with a `gpt-5.6-*` model. */
export const codeModeScript = (script: string, options: { callId?: string } = {}): OutputItem =>
  customCall("exec", script, options);
