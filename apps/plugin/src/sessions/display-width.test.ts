import { expect, test } from "vitest";
import { displayWidth, fitted, padded } from "./display-width.ts";

test.each([
  ["", 0],
  ["plain", 5],
  ["тест", 4],
  ["漢字", 4],
  ["한국어", 6],
  ["ｆｕｌｌ", 8],
  ["🚀 ok", 5],
  ["𠮷", 2],
  ["e\u0301", 1],
  ["👨‍👩‍👧", 2],
  ["🇪🇺", 2],
])("%j takes %i columns", (text, width) => expect(displayWidth(text)).toBe(width));

test("a fitted text never takes more columns, and no character is cut in half", () => {
  let texts = [""];
  for (let length = 0; length < 4; length++)
    texts = [
      ...new Set([...texts, ...texts.flatMap((text) => ["a", "漢", "e\u0301", "👨‍👩‍👧"].map((end) => text + end))]),
    ];
  expect(texts.length).toBeGreaterThan(300);
  for (const text of texts)
    for (let columns = 0; columns < 12; columns++) {
      const short = fitted(text, columns);
      expect(displayWidth(short)).toBeLessThanOrEqual(columns);
      expect(short.isWellFormed()).toBe(true);
      if (displayWidth(text) <= columns) expect(short).toBe(text);
      else if (columns > 0) expect(short.endsWith("…") && text.startsWith(short.slice(0, -1))).toBe(true);
      for (const isRight of [true, false]) expect(displayWidth(padded(short, columns, isRight))).toBe(columns);
    }
});

test("a text is cut before a character that does not fit", () => {
  expect(fitted("漢字漢字", 6)).toBe("漢字…");
  expect(fitted("漢字漢字", 5)).toBe("漢字…");
  expect(fitted("漢字漢字", 4)).toBe("漢…");
});
