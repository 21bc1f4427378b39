import type { ThreadCall } from "@plexum/rollout";
import { number } from "./numbers.ts";
import { print } from "./print.ts";
import { bar, styled, terminalWidth } from "./terminal.ts";

/** With more turns, several turns share a bar. */
const MAX_BARS = 20;
const MAX_BAR_WIDTH = 60;

/** Draws how many tokens the calls of each turn take. */
export function printTurns(calls: readonly ThreadCall[], turnCount: number): void {
  const perBar = Math.ceil(turnCount / MAX_BARS) || 1;
  const tokens = new Map<number, number>();
  for (const call of calls) {
    const group = Math.ceil(call.turn / perBar);
    tokens.set(group, (tokens.get(group) ?? 0) + call.tokens);
  }
  if (tokens.size === 0) return;
  const rows = [...tokens]
    .sort(([a], [b]) => a - b)
    .map(([group, sum]) => ({ name: nameOf(group, perBar, turnCount), sum }));
  const most = Math.max(1, ...rows.map(({ sum }) => sum));
  const names = Math.max("turn".length, ...rows.map(({ name }) => name.length));
  const sums = Math.max("tokens".length, ...rows.map(({ sum }) => number(sum).length));
  const width = Math.min(MAX_BAR_WIDTH, terminalWidth() - names - sums - 5);
  print(styled("bold", `${"turn".padStart(names)}  ${"tokens".padStart(sums)}`));
  for (const { name, sum } of rows)
    print(
      `${name.padStart(names)}  ${number(sum).padStart(sums)}  ${styled("cyan", bar(sum / most, width))}`.trimEnd(),
    );
  print();
}

/** Calls outside any turn have the number 0. */
function nameOf(group: number, perBar: number, turnCount: number): string {
  if (group === 0 || perBar === 1) return String(group);
  return `${(group - 1) * perBar + 1}–${Math.min(group * perBar, turnCount)}`;
}
