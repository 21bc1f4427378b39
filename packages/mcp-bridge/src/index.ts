export { type Bridge, type BridgeOptions, startBridge } from "./bridge.ts";
export type { CallLimits } from "./call-runner.ts";
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
  type GlobalRegistration,
  globalRegistrations,
  identifyCodexCall,
  registerGlobally,
  unregisterGlobally,
} from "./codex-registration.ts";
export { McpBridgeError, type McpBridgeErrorCode } from "./errors.ts";
export type { HttpBridgeOptions } from "./http-bridge.ts";
export { type HttpBridge, type HttpEndpoint, type HttpEndpointOptions, startHttpEndpoint } from "./http-endpoint.ts";
export { type SocketLeftover, socketLeftovers } from "./socket-leftovers.ts";
export { bridgeSocketPath } from "./socket-path.ts";
export type { CallIdentity, CallTool, ToolCall, ToolProgress, ToolResult } from "./tool-call.ts";
export type { ToolServerOptions } from "./tool-server.ts";
export type { BridgeTool } from "./tools.ts";
