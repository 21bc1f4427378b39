import * as fc from "fast-check";
import { expect, test } from "vitest";
import { textsOfCutRecord } from "./truncated-record.ts";

const record = (...texts: string[]) => JSON.stringify({ content: texts.map((text) => ({ type: "text", text })) });

/** Cuts the middle out of a record as codex 0.166.0 does. */
const cutOut = (json: string, from: number, to: number) =>
  `${json.slice(0, from)}…${to - from} chars truncated…${json.slice(to)}`;

test("returns a cut result as a beginning and an end, wherever the cut is", () => {
  const text = 'row 1 of "é"\n'.repeat(20);
  const json = record(text);
  const first = json.indexOf("row");
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), (start, size) => {
      const cut = cutOut(json, first + start, first + start + size + 1);
      const [found, ...rest] = textsOfCutRecord(cut) ?? [];
      const [, head = "?", tail = "?"] =
        /^Truncated tool output:\n([\s\S]*)…\d+ chars truncated…([\s\S]*)$/.exec(found?.text ?? "") ?? [];
      expect(rest).toEqual([]);
      expect(text.startsWith(head)).toBe(true);
      // The second half of an escape, `n`, can't be distinguished from text.
      expect(text.endsWith(tail) || text.endsWith(tail.slice(1))).toBe(true);
      expect(head.length + tail.length).toBeGreaterThan(text.length - size - 10);
    }),
  );
});

test("returns uncut texts completely, beside a cut one", () => {
  const json = record("the first", "long ".repeat(50), "the last");
  const at = json.indexOf("long");
  expect(textsOfCutRecord(cutOut(json, at + 50, at + 150))?.map(({ text }) => text)).toEqual([
    "the first",
    "the last",
    expect.stringMatching(/^Truncated tool output:\n(long )+…100 chars truncated…(long )+$/),
  ]);
});

test.each([
  ["whole JSON", record("a")],
  ["text", "a …12 chars truncated… b"],
  ["a cut between values", '{"content":[…12 chars truncated…]}'],
])("does not accept %s", (_name, text) => {
  expect(textsOfCutRecord(text)).toBeUndefined();
});
