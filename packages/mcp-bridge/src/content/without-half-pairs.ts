/**
 * Replaces half surrogate pairs in the output of `JSON.stringify` with U+FFFD. `JSON.stringify` writes them as escapes, which
 * are valid JSON, but Rust's parser rejects them: codex ends the connection, and 0.169.0 reports it only after its start timeout.
 */
export function withoutHalfPairs(json: string): string {
  if (!json.includes("\\ud")) return json;
  // After an even number of backslashes: after an odd number, it is part of the text.
  return json.replace(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd");
}
