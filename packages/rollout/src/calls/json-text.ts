/**
 * Returns a value as JSON, or "" if it has no JSON text. Never throws. `JSON.parse` accepts any depth, but `JSON.stringify` only a few
 * thousand levels.
 */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "[nested too deeply]";
  }
}
