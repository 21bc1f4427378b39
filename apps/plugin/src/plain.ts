import { stripVTControlCharacters } from "node:util";

/** Returns the text on one line, without characters that move the cursor or change the writing direction. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
