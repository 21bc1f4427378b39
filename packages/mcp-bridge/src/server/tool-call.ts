/** How a client marks a call, so that its own records can be matched with the host's. */
export interface CallIdentity {
  /** The call's id in the client's records. */
  readonly callId?: string;
  /** The id of the model's output item that the call came from; a script that makes several calls is one item. */
  readonly itemId?: string;
  readonly threadId?: string;
  readonly turnId?: string;
}

export interface ToolCall extends CallIdentity {
  /** The host's name for the tool. */
  readonly name: string;
  /** As the model wrote them; whether they fit the tool's schema is the host's to say. */
  readonly arguments: { readonly [name: string]: unknown };
  /** All that the client sent beside name and arguments. */
  readonly meta: { readonly [key: string]: unknown };
  /** Aborts when the client cancels the call or goes away, the call's time is up, or the bridge closes. */
  readonly signal: AbortSignal;
  /** Tells the client how far the call is, if it asked for that, and starts `callTimeoutMs` again. */
  reportProgress(progress: ToolProgress): void;
}

export interface ToolProgress {
  /** Goes up with each report. */
  readonly progress: number;
  /** What `progress` will be at the end, where known. */
  readonly total?: number;
  readonly message?: string;
}

/** What MCP calls a CallToolResult. Every field and every content kind of MCP's passes as it is; other content becomes text. */
export interface ToolResult {
  readonly content: readonly { readonly type: string; readonly [field: string]: unknown }[];
  readonly structuredContent?: { readonly [field: string]: unknown };
  /** True for a failure that the model shall read. */
  readonly isError?: boolean;
  readonly [field: string]: unknown;
}

/** Runs a tool at the host. What it throws becomes a failure that the model reads: the error's message. */
export type CallTool = (call: ToolCall) => Promise<ToolResult>;

export function errorResult(text: string): ToolResult {
  return { content: [{ type: "text", text }], isError: true };
}
