/**
 * An item of the stream, discriminated by `type`. Field names are codex's own.
 *
 * Seen in codex 0.135.0 and 0.171.0 unless a type says otherwise. If codex leaves out a field or writes a value of another
 * type, the field has the fallback that its comment names, and the event is not lost. Keys not listed here stay on the object
 * as codex wrote them.
 */
export type CodexItem =
  | AgentMessageItem
  | ReasoningItem
  | CommandExecutionItem
  | FileChangeItem
  | McpToolCallItem
  | CollabToolCallItem
  | WebSearchItem
  | TodoListItem
  | ErrorItem;

interface ItemBase {
  /**
   * `item_N`, numbered per codex process. Not unique within a thread, and not the call id of the rollout. The same in an
   * item's started, updated and completed events. Fallback `""`. `WebSearchItem` is an exception.
   */
  id: string;
}

/**
 * The status of an item. Items overlap: an item may complete after items that started later, and a command even after the
 * model's next message (seen in 0.135.0). Other strings are passed on unchanged. Fallback `"unknown"`.
 */
export type ItemStatus = "in_progress" | "completed" | "failed" | (string & {});

/** A message of the assistant. A turn often has several: commentary first, the answer last. Appears only in `item.completed`. */
export interface AgentMessageItem extends ItemBase {
  type: "agent_message";
  text: string;
}

/** A summary of the model's reasoning. Appears only in `item.completed`. Codex leaves out empty ones. */
export interface ReasoningItem extends ItemBase {
  type: "reasoning";
  text: string;
}

export interface CommandExecutionItem extends ItemBase {
  type: "command_execution";
  /** The command line in shell syntax, `/bin/bash -lc '…'`. Fallback `""`. */
  command: string;
  /** stdout and stderr in the order of arrival, at most 1 MiB; `""` at the start. Fallback `""`. */
  aggregated_output: string;
  /** `null` while running, and for a command that was never started. Fallback `null`. */
  exit_code: number | null;
  status: ItemStatus | "declined";
}

export interface FileChangeItem extends ItemBase {
  type: "file_change";
  /** Fallback `[]`. */
  changes: FileChange[];
  status: ItemStatus;
}

export interface FileChange {
  /** Absolute. */
  path: string;
  kind: "add" | "delete" | "update" | (string & {});
}

/**
 * A call of an MCP server's tool. Codex's own resource tools have the server name `codex`.
 *
 * A tool that answers with `isError: true` has status `failed`, a `result`, and no `error`. A call that never reached the
 * tool (approval, transport, time limit) has status `failed`, an `error`, and no `result`.
 */
export interface McpToolCallItem extends ItemBase {
  type: "mcp_tool_call";
  /** As configured, before codex rewrites it for the model. */
  server: string;
  /** As the server lists it, before codex rewrites it for the model. */
  tool: string;
  /** The value as codex wrote it. An object in every case seen. */
  arguments?: unknown;
  /** `null` while running. Fallback `null`. */
  result: McpToolCallResult | null;
  /** Fallback `null`. */
  error: ErrorDetail | null;
  status: ItemStatus;
}

export interface McpToolCallResult {
  /** MCP content blocks with MCP's own names (`mimeType`), with complete images in base64. Fallback `[]`. */
  content: unknown[];
  /** In snake_case here, but `structuredContent` in the rollout. */
  structured_content?: unknown;
  _meta?: unknown;
}

/** A call between agents of one session. Known only from codex's source, not from a recording: use its fields with care. */
export interface CollabToolCallItem extends ItemBase {
  type: "collab_tool_call";
  tool: string;
  /** Fallback `""`. */
  sender_thread_id: string;
  /** Fallback `[]`. */
  receiver_thread_ids: string[];
  /** Fallback `null`. */
  prompt: string | null;
  agents_states?: unknown;
  status: ItemStatus;
}

/**
 * A search that the model's provider ran.
 *
 * In every version seen, codex writes the key `id` twice: first `item_N`, then the provider's own call id. `JSON.parse` keeps
 * the last one, so `id` is the call id here.
 */
export interface WebSearchItem extends ItemBase {
  type: "web_search";
  /** Fallback `""`. */
  query: string;
  action?: unknown;
}

/** The model's plan. Updated whenever it changes, and completed right before the turn. */
export interface TodoListItem extends ItemBase {
  type: "todo_list";
  /** Fallback `[]`. */
  items: TodoEntry[];
}

export interface TodoEntry {
  text: string;
  /** Fallback `false`. */
  completed: boolean;
}

/** A warning. The turn continues. Appears only in `item.completed`, and from 0.140 on possibly before `turn.started`. */
export interface ErrorItem extends ItemBase {
  type: "error";
  message: string;
}

export interface ErrorDetail {
  /** Fallback `""`. */
  message: string;
}
