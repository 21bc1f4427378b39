import { AREAS } from "./areas.ts";
import type { Outcome } from "./outcome.ts";
import { byVersion } from "./versions.ts";

/** docs/codex-versions.json */
export interface MatrixData {
  /** The versions to run, as npm had them at the last run. */
  readonly wanted: readonly string[];
  readonly versions: Readonly<Record<string, Outcome>>;
}

const BEGIN = "<!-- codex-versions: written by `pnpm run codex-matrix` -->";
const END = "<!-- /codex-versions -->";

/**
 * Puts the table into a README, between its two markers.
 *
 * @throws Error if the README doesn't have them.
 */
export function withTable(readme: string, data: MatrixData): string {
  const [before, rest] = readme.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined)
    throw new Error(`README.md has no table: it needs ${BEGIN} and ${END}`);
  return `${before}${BEGIN}\n\n${tableOf(data)}\n\n${END}${after}`;
}

/** Formats the results as Markdown: a row for each version, or for successive versions with the same result. */
export function tableOf({ wanted, versions }: MatrixData): string {
  const notes: string[][] = [];
  const order = [...new Set([...wanted, ...Object.keys(versions)])].sort(byVersion);
  const rows: { from: string; to: string; cells: string[] }[] = [];
  let last: (typeof rows)[number] | undefined;
  for (const version of order) {
    const outcome = versions[version];
    const cells = outcome && cellsOf(outcome, notes);
    if (cells && last?.cells.join() === cells.join()) last.to = version;
    else if (cells) rows.push({ from: version, to: version, cells });
    last = cells && rows.at(-1);
  }
  const outcomes = Object.values(versions);
  const missing = order.filter((version) => !(version in versions));
  const table = alignedTable(
    ["codex", ...AREAS],
    rows.map(({ from, to, cells }) => [from === to ? from : `${from} – ${to}`, ...cells]),
  );
  return [
    `Tests passed, ${distinct(outcomes.map(({ platform }) => platform))}, ${distinct(outcomes.map(({ date }) => date))}:`,
    table,
    notes.flatMap((names, index) => names.map((name) => filled(`- (${index + 1}) fails: ${name}`, "  "))).join("\n"),
    filled(`${total(outcomes)} ${missing.length === 0 ? "" : `Not run: ${missing.join(", ")}.`}`.trim()),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function cellsOf({ passed, failed }: Outcome, notes: string[][]): string[] {
  return AREAS.map((area) => {
    const count = passed[area] ?? 0;
    const names = failed[area] ?? [];
    if (names.length === 0) return count === 0 ? "–" : String(count);
    const known = notes.findIndex((note) => note.join() === names.join());
    const number = known === -1 ? notes.push([...names]) : known + 1;
    return `${count} of ${count + names.length} (${number})`;
  });
}

function total(outcomes: readonly Outcome[]): string {
  const passed = outcomes.flatMap((outcome) => Object.values(outcome.passed)).reduce((sum, count) => sum + count, 0);
  const failed = outcomes.flatMap((outcome) => Object.values(outcome.failed).flat()).length;
  const again = outcomes.flatMap(({ passedAgain }) => passedAgain).length;
  const atSecondTry = again === 0 ? "" : `, ${again} of them when run a second time`;
  return `In all ${passed} passed${atSecondTry}, ${failed} failed.`;
}

/** Wraps text at the line width of the repository's Markdown. */
const filled = (text: string, indent = "") =>
  text.split(" ").reduce((lines, word) => {
    const isFull = lines.length - lines.lastIndexOf("\n") + word.length > 128;
    return isFull ? `${lines}\n${indent}${word}` : `${lines} ${word}`;
  });

const distinct = (values: readonly string[]) => {
  const [first = "nothing run", ...others] = [...new Set(values)].sort();
  return others.length === 0 ? first : `${first} to ${others.at(-1)}`;
};

function alignedTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, n) => cell.padEnd(widths[n] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}
