import { sep } from "node:path";
import { globalRegistrations } from "@plexum/mcp-bridge";
import { codexCommand } from "../codex-command.ts";
import { type Config, defaultConfig } from "../config.ts";

/**
 * Removes the servers from codex's own config that `mcp_registration: "global"` added for the plugin in `folder`. Otherwise codex would
 * try to start a program that no longer exists. Never rejects.
 *
 * @param config Undefined if it can't be read.
 * @returns One line for each server, saying what was or was not done.
 */
export async function removeRegistrations(
  folder: string,
  config: Config | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string[]> {
  try {
    const registrations = await globalRegistrations(await codexCommand(config ?? defaultConfig(), env));
    const own = registrations.filter(({ command }) => command.some((part) => part.startsWith(folder + sep)));
    const lines: string[] = [];
    for (const one of own) {
      lines.push(
        (await one.remove())
          ? `Removed from codex's own config: ${one.name}`
          : `Still in codex's own config, since the host is running: ${one.name}. Stop the host and run "codex mcp remove ${one.name}".`,
      );
    }
    return lines;
  } catch (error) {
    if (config !== undefined && config.mcpRegistration !== "global") return [];
    return [
      `codex's own config could not be checked (${(error as Error).message}): if "codex mcp list" shows servers whose names begin with "plexum-host-", remove them with "codex mcp remove <name>".`,
    ];
  }
}
