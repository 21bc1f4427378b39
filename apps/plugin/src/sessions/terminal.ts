import { styleText } from "node:util";

const WIDE = 160;

/** Returns the width of the terminal in columns. Without a terminal, the width is `COLUMNS`, or a wide default. */
export const terminalWidth = (): number => process.stdout.columns || Number(process.env.COLUMNS) || WIDE;

export type Style = Parameters<typeof styleText>[0];

/** Styles a text on a terminal, unless `NO_COLOR` is set. */
export const styled = (style: Style, text: string): string => styleText(style, text, { stream: process.stdout });

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Draws a share of 1 as a bar. Any share above 0 is visible. */
export function bar(share: number, width: number): string {
  const eighths = Math.min(8 * width, Math.max(share > 0 ? 1 : 0, Math.round(share * width * 8)));
  return "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
