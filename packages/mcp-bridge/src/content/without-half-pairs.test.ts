import * as fc from "fast-check";
import { expect, test } from "vitest";
import { withoutHalfPairs } from "./without-half-pairs.ts";

/** Any text of 16-bit units, with many halves of pairs, backslashes, and what looks like an escape. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom("\\", "\\\\", "\\ud83d", "\\\\udc00", '"', "😀"),
    ),
  )
  .map((parts) => parts.join(""));

test("JSON holds the well-formed text afterwards, in keys and values", () => {
  fc.assert(
    fc.property(text, text, (key, value) => {
      const json = withoutHalfPairs(JSON.stringify({ [`k${key}`]: [value] }));
      expect(JSON.parse(json)).toEqual({ [`k${key.toWellFormed()}`]: [value.toWellFormed()] });
    }),
  );
});
