import stringWidth from "string-width";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Returns how many columns of a terminal a text takes. */
export const displayWidth = (text: string): number => stringWidth(text);

/** Shortens a text that is wider than `columns`. The result is never wider, and may be one column narrower. */
export function fitted(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += displayWidth(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return columns > 0 ? `${kept}…` : "";
}

/** Pads a text with spaces to a width of `columns`. */
export const padded = (text: string, columns: number, isRight = false): string => {
  const spaces = " ".repeat(Math.max(0, columns - displayWidth(text)));
  return isRight ? spaces + text : text + spaces;
};
