import { errorResult, type ToolResult } from "../server/tool-call.ts";

/** codex 0.169 drops a message of more than about 125 levels and keeps waiting; the message's frame needs some of them. */
const MAX_DEPTH = 100;

/**
 * Limits the depth of a result: a content block that is too deep becomes its JSON as text, and any other such field is left
 * out. A text block says so. A result that can't be written as JSON becomes a failure that says why. `onFault` is called
 * with each fault.
 */
export function limitDepth(result: ToolResult, onFault: (fault: string) => void = () => {}): ToolResult {
  if (!isDeeper(result, MAX_DEPTH)) return result;
  onFault(`a result nested more than ${MAX_DEPTH} levels deep: the deep parts became text or were left out`);
  try {
    const fields = Object.entries(result).filter(([name]) => name !== "content");
    const deep = fields.filter(([, value]) => isDeeper(value, MAX_DEPTH - 1));
    for (const [, value] of deep) jsonOf(value); // throws for a circular value: the host's fault, which the model should read
    const dropped = deep.map(([name]) => name);
    const content = result.content.map((block) =>
      isDeeper(block, MAX_DEPTH - 2)
        ? { type: "text", text: jsonOf(block) ?? `[${block.type} left out: nested too deeply]` }
        : block,
    );
    if (dropped.length > 0) {
      const text = `[${dropped.join(", ")} left out: nested more than ${MAX_DEPTH} levels deep]`;
      content.push({ type: "text", text });
    }
    return { ...Object.fromEntries(fields.filter(([name]) => !dropped.includes(name))), content };
  } catch (error) {
    return errorResult(`The host's answer can't be written as JSON: ${error instanceof Error ? error.message : error}`);
  }
}

/** Returns undefined if the value is nested too deeply for `JSON.stringify`. @throws if it can't be written for another reason. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Returns whether objects and arrays are nested more than `levels` deep. Iterative, since the input determines the depth. */
export function isDeeper(value: unknown, levels: number): boolean {
  // A set, so that an object with many references to it is visited once per level.
  let level = new Set<unknown>([value]);
  for (let depth = 0; level.size > 0; depth++) {
    const next = new Set<unknown>();
    for (const item of level) {
      if (typeof item !== "object" || item === null) continue;
      if (depth >= levels) return true;
      for (const child of Object.values(item)) if (typeof child === "object") next.add(child);
    }
    level = next;
  }
  return false;
}
