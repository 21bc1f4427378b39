// Changes one server in the text of codex's config.toml and nothing else: `codex mcp add` and `codex mcp remove` write all
// servers again, without their comments (0.135.0, 0.169.0).
import { toml } from "./toml.ts";

export interface ConfigServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns the text with the tables of a server at its end, instead of those it had before.
 * @param name Letters, digits and hyphens, as `codexServerName` returns it.
 */
export function withServer(text: string, name: string, { command, args, env }: ConfigServer): string {
  const rest = withoutServer(text, name) ?? text;
  const entry = [
    `[mcp_servers.${name}]`,
    `command = ${toml(command)}`,
    `args = ${toml(args)}`,
    "",
    `[mcp_servers.${name}.env]`,
    ...Object.entries(env).map(([key, value]) => `${key} = ${toml(value)}`),
    "",
  ].join("\n");
  if (rest === "") return entry;
  return `${rest}${rest.endsWith("\n") ? "" : "\n"}\n${entry}`;
}

/**
 * Returns the text without the tables of a server, and without the blank line before each. Comments after a table belong to
 * the next one, and stay. Returns undefined if there is no such table, or if a line may be part of a string.
 * @param name As for `withServer`.
 */
export function withoutServer(text: string, name: string): string | undefined {
  if (/"""|'''/.test(text)) return undefined;
  const isOurs = new RegExp(`^\\s*\\[\\s*mcp_servers\\s*\\.\\s*(["']?)${name}\\1\\s*[.\\]]`);
  const kept: string[] = [];
  /** Blank lines and comments since the last line of the server's own; undefined outside of its tables. */
  let trailing: string[] | undefined;
  let isFound = false;
  for (const line of text.split("\n")) {
    if (isOurs.test(line)) {
      isFound = true;
      kept.push(...(trailing ?? []));
      if (kept.at(-1)?.trim() === "") kept.pop();
      trailing = [];
    } else if (trailing === undefined) {
      kept.push(line);
    } else if (/^\s*\[/.test(line)) {
      kept.push(...trailing, line);
      trailing = undefined;
    } else if (/^\s*(#|$)/.test(line)) {
      trailing.push(line);
    } else {
      trailing = [];
    }
  }
  return isFound ? [...kept, ...(trailing ?? [])].join("\n") : undefined;
}
