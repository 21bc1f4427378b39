import { McpBridgeError } from "../errors.ts";
import { RELAY_AGENT_ID, RELAY_SOCKET, RELAY_TOKEN } from "../relay/relay-environment.ts";
import type { Bridge } from "../socket/socket-bridge.ts";

/** The program that runs the relay. */
export interface RelayProgram {
  /** An absolute path, since the CLI may have another PATH. */
  readonly command: string;
  readonly args: readonly string[];
}

/** A value of `mcpServers`, as Claude Code, Gemini CLI, Qwen Code and others read it from JSON. */
export interface McpServerEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns the entry of `mcpServers` by which a CLI starts the relay to a bridge. It holds the bridge's token: write it to a file
 * of mode 0600, never to a command line.
 *
 * @throws McpBridgeError `invalid_value` if a value holds a NUL.
 */
export function mcpServerEntry(
  { agentId, socketPath, token }: Pick<Bridge, "agentId" | "socketPath" | "token">,
  { command, args }: RelayProgram,
): McpServerEntry {
  checkNoNul(agentId, socketPath, token, command, ...args);
  return { command, args, env: { ...relayAddress({ agentId, socketPath }), [RELAY_TOKEN]: token } };
}

/** Returns the environment by which a relay finds its bridge. */
export const relayAddress = ({ agentId, socketPath }: Pick<Bridge, "agentId" | "socketPath">) => ({
  [RELAY_SOCKET]: socketPath,
  [RELAY_AGENT_ID]: agentId.toWellFormed(),
});

/** @throws McpBridgeError `invalid_value` */
export function checkNoNul(...values: readonly string[]): void {
  if (!values.some((value) => value.includes("\0"))) return;
  throw new McpBridgeError("invalid_value", "An agent id, path or argument holds a NUL, which no process can be given");
}
