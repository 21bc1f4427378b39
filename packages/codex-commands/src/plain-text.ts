import { stripVTControlCharacters } from "node:util";

/** Everything that ends a line or moves the cursor. */
const WHITE_SPACE = /[\s\p{Cc}]+/gu;

/** What isn't seen but changes how the rest is seen: overrides of the writing direction, zero-width characters, tags. */
const INVISIBLE = /\p{Cf}/gu;

/** Enough of a text to find its visible part in, as a multiple of what is shown: a hostile one may be of any length. */
const LOOKAHEAD = 16;

/** Text from elsewhere as one line of what it shows, at most `max` UTF-16 units long. */
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
