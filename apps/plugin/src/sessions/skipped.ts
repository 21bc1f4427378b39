import type { SkippedEdit } from "@plexum/rollout";
import { plain } from "../plain.ts";
import { displayWidth } from "./display-width.ts";
import { print } from "./print.ts";
import { terminalWidth } from "./terminal.ts";

/** How many of the calls that are skipped for the same reason are named. */
const MAX_NAMED = 3;
const LABEL = "left   ";

/** Prints which calls were left unchanged, and why: one paragraph for each reason. */
export function printSkipped(skipped: readonly SkippedEdit[]): void {
  for (const [message, calls] of Map.groupBy(skipped, ({ message }) => message)) {
    const named = calls.slice(0, MAX_NAMED).map(({ callId }) => callId);
    const more = calls.length > MAX_NAMED ? ` and ${calls.length - MAX_NAMED} more` : "";
    const lines = wrapped(plain(`${named.join(", ")}${more}: ${message}`), terminalWidth() - LABEL.length);
    for (const [index, line] of lines.entries()) print((index === 0 ? LABEL : LABEL.replace(/./g, " ")) + line);
  }
}

/** Breaks a text at spaces into lines of at most this many columns. A longer word has a line of its own. */
function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && displayWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
