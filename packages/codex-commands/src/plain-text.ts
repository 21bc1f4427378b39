import { stripVTControlCharacters } from "node:util";

/** Everything that ends a line or moves the cursor. */
const WHITE_SPACE = /[\s\p{Cc}]+/gu;

/** Invisible characters that change how others appear: overrides of the writing direction, zero-width characters, tags. */
const INVISIBLE = /\p{Cf}/gu;

/** How much of a text is searched for visible characters, as a multiple of the shown length: a hostile text may be of any length. */
const LOOKAHEAD = 16;

/** Returns the visible part of untrusted text as one line of at most `max` UTF-16 units. */
export function plainText(text: string, max: number): string {
  const visible = stripVTControlCharacters(text.trimStart().slice(0, max * LOOKAHEAD))
    .toWellFormed()
    .replace(INVISIBLE, "")
    .replace(WHITE_SPACE, " ")
    .trim();
  if (visible.length <= max) return visible;
  const halfCharacter = /[\ud800-\udbff]$/;
  return `${visible.slice(0, max - 1).replace(halfCharacter, "")}…`;
}
