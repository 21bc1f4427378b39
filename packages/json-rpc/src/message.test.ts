import { LineSplitter } from "@plexum/jsonl";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Incoming, readMessage } from "./message.ts";

/** The message in the one line that this is, with a limit that lets no more than its head through. */
function readLong(text: string, maxLineBytes = 256): Incoming {
  const splitter = new LineSplitter({ maxLineBytes });
  const lines = [...splitter.write(Buffer.from(`${text}${" ".repeat(maxLineBytes)}\n`)), ...splitter.end()];
  if (lines.length !== 1 || lines[0] === undefined) throw new Error("not one line");
  return readMessage(lines[0], "mcp");
}

test.each<[name: string, id: string, expected: unknown]>([
  ["a number", "7", 7],
  ["a text", '"seven"', "seven"],
  ["a text beyond ASCII", '"sieben-\u00fc-\u4e03"', "sieben-\u00fc-\u4e03"],
  ["a number that is not JSON", "01", null],
  ["a lone minus", "-", null],
  ["a text with a raw tab", '"a\tb"', null],
  ["a text with an escape", '"a\\u0062"', null],
  ["nothing at all", "", null],
])("of a line over the limit, %s is the id", (_name, id, expected) => {
  expect(readLong(`{"jsonrpc":"2.0","id":${id},"method":"x","params":"`)).toMatchObject({
    kind: "invalid",
    id: expected,
  });
  const kind = expected === null ? "invalid" : "failure";
  expect(readLong(`{"jsonrpc":"2.0","id":${id},"result":"`)).toMatchObject({ kind, id: expected });
});

test("whatever a line is, reading it does not throw", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "{",
      "}",
      '"id"',
      ":",
      ",",
      '"jsonrpc":"2.0"',
      '"method"',
      '"result":',
      '"error":',
      "null",
      "[",
      "]",
    ),
    fc.constantFrom("01", "-", "1e999", '"\t"', '"\\ud800"', "-0", "9".repeat(400), "\0", "\ufeff"),
    fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.replaceAll("\n", "")),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), fc.boolean(), (parts, isLong) => {
      const text = parts.join("");
      const message = isLong
        ? readLong(text, 64)
        : readMessage({ kind: "line", bytes: Buffer.from(text), offset: 0, length: 0, terminated: true }, "plain");
      expect(message.kind).toBeTypeOf("string");
    }),
    { numRuns: 2000 },
  );
});
