import type { SessionCommand } from "@plexum/codex-commands";
import type { CallToolResult, McpTool } from "@plexum/plugin-sdk";
import type { Config } from "../config.ts";

const LIST: McpTool = {
  name: "codex_sessions_list",
  description: "Lists the codex sessions of this machine, the newest first, with the user's last message of each.",
  inputSchema: {
    type: "object",
    properties: {
      limit: { type: "integer", minimum: 1, maximum: 50, default: 10 },
      filter: { type: "string", description: "Text in the session's id, title, folder or last message, in any case" },
      archived: { type: "boolean", description: "Also list archived sessions" },
      subagents: {
        type: "boolean",
        description: "Also list threads that codex itself started, such as sub-agents and reviews",
      },
    },
  },
};

const RESUME: McpTool = {
  name: "codex_session_resume",
  description:
    "Continues a codex session of this machine: sends it a prompt, and returns its answer. Codex works in the session's folder with all rights.",
  inputSchema: {
    type: "object",
    properties: {
      sessionId: {
        type: "string",
        description: "A session's id, or its beginning if no other session's id begins with it",
      },
      prompt: { type: "string" },
      timeoutMs: { type: "integer", minimum: 1, maximum: 3_600_000, default: 1_200_000 },
    },
    required: ["sessionId", "prompt"],
  },
};

/** Returns the tools for the manifest. Resuming runs someone's prompt with full rights, so it must be switched on. */
export function sessionTools({
  sessionTools,
  sessionResume,
}: Pick<Config, "sessionTools" | "sessionResume">): McpTool[] {
  return [...(sessionTools ? [LIST] : []), ...(sessionTools && sessionResume ? [RESUME] : [])];
}

/** Calls one of the offered tools. It refuses every other tool, even one that exists. */
export async function callSessionTool(
  { name, arguments: args }: { name: string; arguments: Record<string, unknown> },
  config: Config,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<CallToolResult> {
  if (!sessionTools(config).some((tool) => tool.name === name))
    throw new Error(`There is no tool ${name}, or the plugin's config has it switched off.`);
  const { createSessionCommands } = await import("@plexum/codex-commands");
  const [list, resume] = createSessionCommands({ binary: config.binary, env, extraArgs: config.extraArgs });
  const command: SessionCommand = name === LIST.name ? list : resume;
  const text = await command.handle(JSON.stringify(args), undefined, { signal });
  return { content: [{ type: "text", text }], structuredContent: JSON.parse(text) };
}
