import { LineSplitter } from "@plexum/jsonl";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Incoming, readMessage } from "./message.ts";

/** Reads `text` as one line that is over the limit, so that only its head is available. */
function readLong(text: string, maxLineBytes = 256): Incoming {
  const splitter = new LineSplitter({ maxLineBytes });
  const lines = [...splitter.write(Buffer.from(`${text}${" ".repeat(maxLineBytes)}\n`)), ...splitter.end()];
  if (lines.length !== 1 || lines[0] === undefined) throw new Error("expected one line");
  return readMessage(lines[0], "mcp");
}

test.each<[name: string, id: string, expected: unknown]>([
  ["a number", "7", 7],
  ["a string", '"seven"', "seven"],
  ["a string with non-ASCII characters", '"sieben-\u00fc-\u4e03"', "sieben-\u00fc-\u4e03"],
  ["an invalid JSON number", "01", null],
  ["a lone minus", "-", null],
  ["a string with a raw tab", '"a\tb"', null],
  ["a string with an escape", '"a\\u0062"', null],
  ["no value", "", null],
])("reads the id of a line over the limit: %s", (_name, id, expected) => {
  expect(readLong(`{"jsonrpc":"2.0","id":${id},"method":"x","params":"`)).toMatchObject({
    kind: "invalid",
    id: expected,
  });
  const kind = expected === null ? "invalid" : "failure";
  expect(readLong(`{"jsonrpc":"2.0","id":${id},"result":"`)).toMatchObject({ kind, id: expected });
});

test("reading a line never throws", () => {
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
