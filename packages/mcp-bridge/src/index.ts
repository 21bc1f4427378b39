export { McpBridgeError, type McpBridgeErrorCode } from "./errors.ts";
export { type HostCall, type HostTurn, hostToolServer } from "./host/host-tool-server.ts";
export type { HostTool } from "./host/offerable-tools.ts";
export type { HttpBridgeOptions } from "./http/http-bridge.ts";
export {
  type HttpBridge,
  type HttpEndpoint,
  type HttpEndpointOptions,
  startHttpEndpoint,
} from "./http/http-endpoint.ts";
export {
  type CodexCommand,
  type CodexHttpServer,
  type CodexOverrideOptions,
  type CodexServer,
  codexEnvironment,
  codexNamespace,
  codexNoProxy,
  codexOverrides,
  codexServerName,
  codexThreadConfig,
  codexToolName,
  type GlobalRegistration,
  globalRegistrations,
  identifyCodexCall,
  registerGlobally,
  unregisterGlobally,
} from "./registration/codex-registration.ts";
export { type McpServerEntry, mcpServerEntry, type RelayProgram } from "./registration/mcp-server-entry.ts";
export type { CallLimits } from "./server/call-runner.ts";
export type { CallIdentity, CallTool, ToolCall, ToolProgress, ToolResult } from "./server/tool-call.ts";
export { hostToolNames, offeredToolName } from "./server/tool-names.ts";
export type { ToolServerOptions } from "./server/tool-server.ts";
export type { BridgeTool } from "./server/tools.ts";
export { type Bridge, type BridgeOptions, startBridge } from "./socket/socket-bridge.ts";
export { type SocketLeftover, socketLeftovers } from "./socket/socket-leftovers.ts";
export { bridgeSocketPath } from "./socket/socket-path.ts";
