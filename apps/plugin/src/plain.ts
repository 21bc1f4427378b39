import { stripVTControlCharacters } from "node:util";

/** On one line, and without what could move the cursor or turn the reading around. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
