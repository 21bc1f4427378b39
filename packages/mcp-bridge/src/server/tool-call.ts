/** How a client marks a call, so that its own records can be matched with the host's. */
export interface CallIdentity {
  /** The call's id in the client's records. */
  readonly callId?: string | undefined;
  /** The id of the model's output item that the call came from; a script that makes several calls is one item. */
  readonly itemId?: string | undefined;
  readonly threadId?: string | undefined;
  readonly turnId?: string | undefined;
}

export interface ToolCall extends CallIdentity {
  /** The host's name for the tool. */
  readonly name: string;
  /** As the model wrote them; the host checks whether they fit the tool's schema. */
  readonly arguments: { readonly [name: string]: unknown };
  /** Everything that the client sent besides the name and the arguments. */
  readonly meta: { readonly [key: string]: unknown };
  /** Aborts when the client cancels the call or disconnects, the call's time is up, or the bridge closes. */
  readonly signal: AbortSignal;
  /** Reports the call's progress to the client, if it asked for reports, and restarts `callTimeoutMs`. */
  reportProgress(progress: ToolProgress): void;
}

export interface ToolProgress {
  /** Increases with each report. */
  readonly progress: number;
  /** The value of `progress` at the end, if known. */
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** MCP's CallToolResult. Every field and every content kind of MCP's passes unchanged; other content becomes text. */
export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly [field: string]: unknown }[];
  readonly structuredContent?: { readonly [field: string]: unknown };
  /** True for a failure that the model should read. */
  readonly isError?: boolean;
  readonly [field: string]: unknown;
}

/** Runs a tool at the host. If it throws, the model reads the error's message as the tool's failure. */
export type CallTool = (call: ToolCall) => Promise<ToolResult>;

export function errorResult(text: string): ToolResult {
  return { content: [{ type: "text", text }], isError: true };
}
