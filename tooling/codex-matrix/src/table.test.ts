import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { AREAS } from "./areas.ts";
import type { Outcome } from "./outcome.ts";
import { tableOf, withTable } from "./table.ts";

const ROOT = join(import.meta.dirname, "../../..");
const outcome = (passed: Outcome["passed"], more: Partial<Outcome> = {}): Outcome => ({
  date: "2026-11-21",
  platform: "linux x64",
  passed,
  passedAgain: [],
  failed: {},
  ...more,
});
/** The cells of a table's rows, without the header. */
const rows = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

test("the README's table matches docs/codex-versions.json", () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const data = JSON.parse(readFileSync(join(ROOT, "docs/codex-versions.json"), "utf8"));
  expect(withTable(readme, data)).toBe(readme);
});

test("successive versions with the same result are one row", () => {
  const same = { turns: 3, endings: 2 };
  const table = tableOf({
    wanted: ["0.135.0", "0.136.1", "0.137.0", "0.138.0"],
    versions: {
      "0.135.0": outcome(same),
      "0.136.1": outcome(same),
      "0.137.0": outcome({ turns: 4 }),
      "0.138.0": outcome(same),
    },
  });
  const cells = (turns: string, endings: string) => AREAS.map((area) => ({ turns, endings })[area as string] ?? "–");
  expect(rows(table)).toEqual([
    ["0.135.0 – 0.136.1", ...cells("3", "2")],
    ["0.137.0", ...cells("4", "–")],
    ["0.138.0", ...cells("3", "2")],
  ]);
  expect(table).toContain("linux x64, 2026-11-21");
  expect(table).toContain("In all 19 passed, 0 failed.");
  expect(table).not.toContain("Not run");
});

test("a version that was not run is named, and no row spans it", () => {
  const versions = { "0.135.0": outcome({ turns: 3 }), "0.137.0": outcome({ turns: 3 }) };
  const table = tableOf({ wanted: ["0.135.0", "0.136.0", "0.137.0"], versions });
  expect(rows(table).map(([version]) => version)).toEqual(["0.135.0", "0.137.0"]);
  expect(table).toContain("Not run: 0.136.0.");
});

test("failed tests are counted and named, the same failures once", () => {
  const failed = { turns: ["a turn on codex ends"] };
  const table = tableOf({
    wanted: ["0.135.0", "0.136.0", "0.137.0"],
    versions: {
      "0.135.0": outcome({ turns: 3 }, { failed }),
      "0.136.0": outcome({ turns: 4 }, { passedAgain: ["a turn on codex ends"], date: "2026-11-22" }),
      "0.137.0": outcome({ turns: 2 }, { failed: { ...failed, endings: ["an end on codex ends"] } }),
    },
  });
  expect(rows(table).map((cells) => [cells[2], cells[3]])).toEqual([
    ["3 of 4 (1)", "–"],
    ["4", "–"],
    ["2 of 3 (1)", "0 of 1 (2)"],
  ]);
  expect(table.match(/a turn on codex ends/g)).toHaveLength(1);
  expect(table).toContain("(2) fails: an end on codex ends");
  expect(table).toContain("In all 9 passed, 1 of them when run a second time, 3 failed.");
  expect(table).toContain("2026-11-21 to 2026-11-22");
});

test("no line of text is longer than the repository's lines", () => {
  const wanted = Array.from({ length: 60 }, (_, minor) => `0.${minor}.0`);
  const failed = { turns: [`a turn ${"on codex ".repeat(30)}`] };
  const lines = tableOf({ wanted, versions: { "0.1.0": outcome({ turns: 3 }, { failed }) } }).split("\n");
  expect(lines.filter((line) => !line.startsWith("|") && line.length > 128)).toEqual([]);
  expect(lines.join(" ")).toContain(wanted.slice(2).join(", "));
});

test("a README without the markers is refused", () => {
  expect(() => withTable("# Nothing", { wanted: [], versions: {} })).toThrow("codex-versions");
});
