import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { Bridge } from "../src/index.ts";
import { relayCommand } from "./relay-command.ts";

export interface RelayClient extends AsyncDisposable {
  readonly client: Client;
  /** The relay's stderr. */
  readonly warnings: string[];
  readonly pid: number;
}

type RelayTarget = Pick<Bridge, "agentId" | "socketPath" | "token">;

export function relayEnvironment({ agentId, socketPath, token }: RelayTarget): Record<string, string> {
  return { PLEXUM_MCP_SOCKET: socketPath, PLEXUM_MCP_AGENT_ID: agentId, PLEXUM_MCP_TOKEN: token };
}

/** The SDK's own client, talking to a relay that it started as codex would. */
export async function connectByRelay(target: RelayTarget): Promise<RelayClient> {
  const transport = new StdioClientTransport({
    ...relayCommand,
    env: relayEnvironment(target),
    stderr: "pipe",
    maxBufferSize: 64 * 1024 * 1024,
  });
  const warnings: string[] = [];
  transport.stderr?.on("data", (text) => warnings.push(String(text)));
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  return { client, warnings, pid: transport.pid as number, [Symbol.asyncDispose]: () => client.close() };
}
