export { type Bridge, type BridgeOptions, startBridge } from "./bridge.ts";
export type { CallLimits } from "./call-runner.ts";
export {
  type CodexCommand,
  type CodexOverrideOptions,
  type CodexServer,
  codexEnvironment,
  codexNamespace,
  codexOverrides,
  codexServerName,
  type GlobalRegistration,
  globalRegistrations,
  identifyCodexCall,
  registerGlobally,
  unregisterGlobally,
} from "./codex-registration.ts";
export { McpBridgeError, type McpBridgeErrorCode } from "./errors.ts";
export { type SocketLeftover, socketLeftovers } from "./socket-leftovers.ts";
export { bridgeSocketPath } from "./socket-path.ts";
export type { CallIdentity, CallTool, ToolCall, ToolProgress, ToolResult } from "./tool-call.ts";
export type { BridgeTool } from "./tools.ts";
