const MAX_CHARACTERS = 140;

/** Returns the beginning of a message, at most 140 characters including the `...`. */
export function excerpt(text: string): string {
  const trimmed = text.trim();
  if (trimmed.length <= MAX_CHARACTERS) return trimmed;
  // Don't leave half of a surrogate pair at the end.
  const cut = trimmed.slice(0, MAX_CHARACTERS - 3).replace(/[\ud800-\udbff]$/, "");
  return `${cut.trimEnd()}...`;
}
