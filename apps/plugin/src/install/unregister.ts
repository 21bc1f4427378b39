import { parseArgs } from "node:util";
import { unregisterGlobally } from "@plexum/mcp-bridge";
import { codexCommand } from "../codex-command.ts";
import { loadConfig } from "../config.ts";

const USAGE = `usage: plexum-openai-provider mcp-unregister --agent-id <id>
Remove an agent's MCP server from codex's own config, where mcp_registration "global" added it.
`;

/** Undoes `mcp_registration: "global"` for one agent. Resolves to the exit code. */
export async function unregister(argv: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { "agent-id": { type: "string" }, help: { type: "boolean", short: "h" } },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const agentId = values["agent-id"];
    if (agentId === undefined) throw new Error("--agent-id is missing");
    const { config } = await loadConfig(process.env);
    const outcome = await unregisterGlobally(agentId, await codexCommand(config, process.env));
    process.stdout.write(outcome === "removed" ? "removed\n" : "there was none\n");
    return 0;
  } catch (error) {
    process.stderr.write(`mcp-unregister: ${(error as Error).message}\n${USAGE}`);
    return 1;
  }
}
