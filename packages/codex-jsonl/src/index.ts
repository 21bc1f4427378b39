export { createEventParser, type EventHandlers, type EventParser, type EventParserOptions } from "./event-parser.ts";
export type {
  CodexEvent,
  ErrorEvent,
  ItemCompletedEvent,
  ItemStartedEvent,
  ItemUpdatedEvent,
  ThreadStartedEvent,
  TurnCompletedEvent,
  TurnFailedEvent,
  TurnStartedEvent,
  Usage,
} from "./events.ts";
export type {
  AgentMessageItem,
  CodexItem,
  CollabToolCallItem,
  CommandExecutionItem,
  ErrorDetail,
  ErrorItem,
  FileChange,
  FileChangeItem,
  ItemStatus,
  McpToolCallItem,
  McpToolCallResult,
  ReasoningItem,
  TodoEntry,
  TodoListItem,
  WebSearchItem,
} from "./items.ts";
export { parseEvents } from "./parse-events.ts";
export type { MalformedLine, OversizedLine, ParsedEvent, UnknownEvent } from "./results.ts";
export { codexEventSchema, codexItemSchema, usageSchema } from "./schemas.ts";
