/** Writes a string, number, boolean, list or table as a TOML value on one line. */
export function toml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toml).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${toml(key)}=${toml(inner)}`)
      .join(",")}}`;
  }
  // JSON's escapes are TOML's too; only DEL may be unescaped in JSON, but not in TOML.
  if (typeof value === "string") return JSON.stringify(value.toWellFormed()).replaceAll("\x7f", "\\u007f");
  return String(value);
}
