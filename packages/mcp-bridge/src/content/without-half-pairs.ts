/**
 * Replaces half surrogate pairs in what `JSON.stringify` wrote by U+FFFD. It writes them as escapes, which are JSON, but
 * not for a reader in Rust: codex ends the connection, and in 0.169.0 waits out its start timeout before it says so.
 */
export function withoutHalfPairs(json: string): string {
  if (!json.includes("\\ud")) return json;
  // Behind an even number of backslashes: an odd one is part of the text.
  return json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd");
}
