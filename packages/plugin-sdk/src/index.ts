export {
  type CallContext,
  type CallOptions,
  JsonRpcError,
  type JsonRpcErrorCode,
  type Progress,
  RPC_CODES,
  RpcError,
} from "@plexum/json-rpc";
export {
  type ConnectedPlugin,
  type ConnectOptions,
  connectPlugin,
  type HostOptions,
  type PluginStreams,
} from "./connect-plugin.ts";
export { CONSUMED_TEXTS, type ConsumeOp, isConsumeOp } from "./consumption.ts";
export { PluginSdkError, type PluginSdkErrorCode } from "./errors.ts";
export type { HostHandlers, LogEntry } from "./host-session.ts";
export type { Host, Plugin, StreamContext, ToolCall } from "./plugin.ts";
export type { PluginCommand, PluginExit } from "./plugin-process.ts";
export { type ConversationOptions, withConversationSoFar } from "./request/conversation-so-far.ts";
export { lastUserText, type Prompt, promptOf, type RequestImage } from "./request/prompt-of-request.ts";
export { type ServeOptions, serve } from "./serve.ts";
export type { TurnErrorCode } from "./turn-error-code.ts";
export {
  type Block,
  blockSchema,
  type CallToolResult,
  type HostToolCall,
  type LogLevel,
  type Manifest,
  type McpTool,
  type Message,
  type MutateReport,
  type MutateRequest,
  type Mutation,
  manifestSchema,
  messageSchema,
  type ProviderEvent,
  providerEventSchema,
  type StreamRequest,
  type Tool,
  type ToolContent,
  type Usage,
} from "./wire.ts";
