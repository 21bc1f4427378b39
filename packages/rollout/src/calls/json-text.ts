/** A value as JSON; "" if it has none. Never throws: `JSON.parse` takes any depth, and `JSON.stringify` a few thousand. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "[nested too deeply]";
  }
}
