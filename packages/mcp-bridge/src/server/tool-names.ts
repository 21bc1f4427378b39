import { createHash } from "node:crypto";

/** MCP's own rule for tool names. */
const CLEAN_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** Returns the name under which a tool is offered: the host's own, or one made from it that no other tool has. */
export function offeredToolName(name: string): string {
  if (CLEAN_NAME.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 10);
  const readable = name
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_|_$/g, "")
    .slice(0, 40);
  return [readable || "tool", hash].join("_");
}

/**
 * Returns the host's name of each tool by the name that a CLI uses in its records.
 * Leaves out a name that several tools would share there.
 *
 * @param clientName Returns the name that the CLI makes of an offered one. Default: the offered name.
 */
export function hostToolNames(
  tools: Iterable<{ readonly name: string }>,
  clientName: (offeredName: string) => string = (name) => name,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const ambiguous = new Set<string>();
  for (const { name } of tools) {
    const key = clientName(offeredToolName(name));
    if ((names.get(key) ?? name) !== name) ambiguous.add(key);
    names.set(key, name);
  }
  for (const key of ambiguous) names.delete(key);
  return names;
}
