import { locateCodex } from "@plexum/codex-turn";
import type { CodexCommand } from "@plexum/mcp-bridge";
import type { Config } from "./config.ts";

/** Returns the command that starts the configured codex for anything but a turn. It skips npm's script, which needs a `node` on the PATH. */
export async function codexCommand({ binary }: Pick<Config, "binary">, env: NodeJS.ProcessEnv): Promise<CodexCommand> {
  const { command, prefix } = await locateCodex(binary, env);
  return { codex: command, codexArgs: prefix, env };
}
