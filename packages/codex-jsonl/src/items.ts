/**
 * What an item of the stream can be, keyed by `type`. Field names are codex's own.
 *
 * Seen in codex 0.135.0 and 0.169.0 unless a type says otherwise. Where codex leaves a field out or writes another type
 * into it, the field holds the fallback its comment names, and the event is not lost. Keys not listed here stay on the
 * object as codex wrote them.
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
   * `item_N`, numbered per codex process: not unique over a thread, and not the call id that the rollout has. The same
   * in an item's started, updated and completed events. Fallback `""`. See `WebSearchItem` for its exception.
   */
  id: string;
}

/**
 * How far an item is. Items overlap: one may complete after items that started later, a command even after what the
 * model says next (seen in 0.135.0). A string outside the list is passed on as it is; the fallback is `"unknown"`.
 */
export type ItemStatus = "in_progress" | "completed" | "failed" | (string & {});

/** Something the assistant says. Several in one turn are normal: commentary first, the answer last. Only ever completed. */
export interface AgentMessageItem extends ItemBase {
  type: "agent_message";
  text: string;
}

/** A summary of the model's reasoning. Only ever completed; codex leaves empty ones out. */
export interface ReasoningItem extends ItemBase {
  type: "reasoning";
  text: string;
}

export interface CommandExecutionItem extends ItemBase {
  type: "command_execution";
  /** The command line as a shell would take it, `/bin/bash -lc '…'`. Fallback `""`. */
  command: string;
  /** stdout and stderr as they came, at most 1 MiB; `""` at the start. Fallback `""`. */
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
 * A call of an MCP server's tool. Codex's own resource tools come as server `codex`.
 *
 * A tool that answers `isError: true` gives status `failed`, a `result`, and no `error`. A call that never reached the
 * tool (approval, transport, time limit) gives status `failed`, no `result`, and an `error`.
 */
export interface McpToolCallItem extends ItemBase {
  type: "mcp_tool_call";
  /** As configured, before codex rewrites it for the model. */
  server: string;
  /** As the server lists it, before codex rewrites it for the model. */
  tool: string;
  /** An object in all that was seen; whatever codex wrote. */
  arguments?: unknown;
  /** `null` while running. Fallback `null`. */
  result: McpToolCallResult | null;
  /** Fallback `null`. */
  error: ErrorDetail | null;
  status: ItemStatus;
}

export interface McpToolCallResult {
  /** MCP content blocks with MCP's own names (`mimeType`), images whole as base64. Fallback `[]`. */
  content: unknown[];
  /** Snake case here, `structuredContent` in the rollout. */
  structured_content?: unknown;
  _meta?: unknown;
}

/** A call between agents of one session. Read in codex's source, in no recording: treat its fields with care. */
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
 * Codex writes the key `id` twice, first `item_N`, then the provider's own call id, in every version seen. `JSON.parse` keeps the last, so
 * `id` is the call id here and not `item_N`.
 */
export interface WebSearchItem extends ItemBase {
  type: "web_search";
  /** Fallback `""`. */
  query: string;
  action?: unknown;
}

/** The model's plan. Started and updated as it changes, completed right before the turn is. */
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

/** A warning: the turn goes on. Only ever completed, and from 0.140 on it may come before `turn.started`. */
export interface ErrorItem extends ItemBase {
  type: "error";
  message: string;
}

export interface ErrorDetail {
  /** Fallback `""`. */
  message: string;
}
