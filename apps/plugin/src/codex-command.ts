import { locateCodex } from "@plexum/codex-turn";
import type { CodexCommand } from "@plexum/mcp-bridge";
import type { Config } from "./config.ts";

/** How to start the configured codex for anything but a turn. What npm installs is a script that needs a `node` on the PATH: it is stepped over. */
export async function codexCommand({ binary }: Pick<Config, "binary">, env: NodeJS.ProcessEnv): Promise<CodexCommand> {
  const { command, prefix } = await locateCodex(binary, env);
  return { codex: command, codexArgs: prefix, env };
}
