import fc from "fast-check";
import { expect, it } from "vitest";
import { IdMatcher } from "./id-matcher.ts";

/** Returns every place of every id, with a separate search for each. */
function naive(ids: readonly string[], bytes: Buffer, before: number) {
  const matches: { at: number; id: string }[] = [];
  for (const id of ids) {
    const needle = Buffer.from(JSON.stringify(id));
    for (let at = bytes.indexOf(needle); at !== -1 && at < before; at = bytes.indexOf(needle, at + 1))
      matches.push({ at, id });
  }
  return order(matches);
}

const order = (matches: readonly { at: number; id: string }[]) =>
  [...matches].sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));

it("finds the same as a separate search for each id, with every strategy", () => {
  const id = fc.oneof(
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.string({ unit: fc.constantFrom('"', "\\", "a", "é"), maxLength: 5 }),
    fc.nat(30).map((number) => `call_${number}`),
    fc.uuid(),
  );
  const input = fc.array(id, { minLength: 1, maxLength: 30 }).chain((all) => {
    const ids = [...new Set(all)];
    const piece = fc.oneof(
      fc.constantFrom(...ids).map((one) => JSON.stringify(one)),
      fc.constantFrom(...ids).map((one) => JSON.stringify(JSON.stringify(one))),
      fc.constantFrom('"', '\\"', "\\", '""', "call_1", " ", ":", "\n", "é"),
    );
    return fc.record({
      ids: fc.constant(ids),
      text: fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join("")),
    });
  });
  fc.assert(
    fc.property(input, fc.nat(200), ({ ids, text }, cut) => {
      const bytes = Buffer.from(text);
      const before = Math.min(cut, bytes.length);
      const matcher = new IdMatcher(ids);
      expect(order(matcher.find(bytes, before))).toEqual(naive(ids, bytes, before));
      expect(order(matcher.find(bytes, bytes.length))).toEqual(naive(ids, bytes, bytes.length));
    }),
    { numRuns: 2_000 },
  );
});
