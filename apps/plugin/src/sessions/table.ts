import { plain } from "../plain.ts";
import { displayWidth, fitted, padded } from "./display-width.ts";
import { print } from "./print.ts";
import { type Style, styled, terminalWidth } from "./terminal.ts";

/** A narrower column is useless. */
const MIN_CUT_WIDTH = 12;

export interface TableOptions {
  /** The columns that may be shortened. */
  readonly cuttable?: readonly number[];
  /** The columns of numbers. */
  readonly right?: readonly number[];
  /** The style of a row. */
  readonly style?: (row: number) => Style | undefined;
}

/**
 * Prints columns as wide as their content, within the terminal's width. If they don't fit, the columns that may be shortened share
 * the remaining width. If that is too little for all of them, the last column is left out.
 */
export function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { cuttable = [], right = [], style = () => undefined }: TableOptions = {},
): void {
  const lines = [head, ...rows].map((cells) => cells.map(plain));
  const needed = head.map((_, column) =>
    lines.reduce((max, cells) => Math.max(max, displayWidth(cells[column] ?? "")), 0),
  );
  const fixed = needed.filter((_, column) => !cuttable.includes(column)).reduce((sum, width) => sum + width + 2, 0);
  const terminal = terminalWidth();
  const mostCut = Math.max(1, Math.floor((terminal - fixed + 2) / (MIN_CUT_WIDTH + 2)));
  const cut = cuttable.slice(0, mostCut);
  let room = terminal - fixed - 2 * (cut.length - 1);
  const widths = [...needed];
  for (const [index, column] of cut.entries()) {
    const share = Math.max(1, Math.floor(room / (cut.length - index)));
    widths[column] = Math.min(needed[column] ?? 0, share);
    room -= widths[column] ?? 0;
  }
  const shown = head.map((_, column) => column).filter((column) => !cuttable.includes(column) || cut.includes(column));
  for (const [index, cells] of lines.entries()) {
    const line = shown
      .map((column) => cell(cells[column] ?? "", widths[column] ?? 0, right.includes(column)))
      .join("  ")
      .trimEnd();
    const look = index === 0 ? "bold" : style(index - 1);
    print(look === undefined ? line : styled(look, line));
  }
}

const cell = (text: string, width: number, isRight: boolean): string => padded(fitted(text, width), width, isRight);
