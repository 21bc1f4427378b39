import fc from "fast-check";
import type { FuzzInput } from "./fuzz-target.ts";
import { type Json, jsonLines, pathsIn, textWith, valueAt } from "./json-tree.ts";

/** Texts that are special to some parser. */
const TOKENS = [
  '"__proto__":{"polluted":1},',
  '{"__proto__":{"polluted":1}}',
  '{"constructor":{"prototype":{"polluted":1}}}',
  '"toString"',
  '{"toString":1,"valueOf":null}',
  '"\\ud800"',
  '"\\u0000"',
  '"a\\u001b[2J\\r\\n"',
  "1e999",
  "-0",
  "7",
  "4096",
  "2147483648",
  "4294967296",
  "9007199254740993",
  "null",
  '""',
  "[]",
  "{}",
  "\0",
  "\r",
  "\n",
  "\n\n",
  "\ufeff",
  "\u2028",
  "😀",
  '"',
  "\\",
  "]",
  "}",
  "[".repeat(300),
  "[".repeat(5000),
  `${"[".repeat(200)}${"]".repeat(200)}`,
  `${'{"a":'.repeat(500)}1${"}".repeat(500)}`,
  '"../../../etc/passwd"',
  '"-c"',
].map((token) => Buffer.from(token));

const INVALID_UTF8 = [Buffer.from([0xff]), Buffer.from([0xc3]), Buffer.from([0xed, 0xa0, 0x80])];

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const tokens = fc.constantFrom(...TOKENS, ...INVALID_UTF8);

type ByteEdit =
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "delete" | "repeat"; readonly at: number; readonly length: number }
  | { readonly kind: "set"; readonly at: number; readonly byte: number }
  | { readonly kind: "cut"; readonly at: number };

const byteEdits = fc.oneof(
  fc.record({ kind: fc.constant("insert" as const), at: place, bytes: tokens }),
  fc.record({ kind: fc.constant("insert" as const), at: place, bytes: fc.uint8Array({ maxLength: 8 }) }),
  fc.record({ kind: fc.constantFrom("delete" as const, "repeat" as const), at: place, length: fc.nat(200) }),
  fc.record({ kind: fc.constant("set" as const), at: place, byte: fc.nat(255) }),
  fc.record({ kind: fc.constant("cut" as const), at: place }),
);

/** The position of a value in a seed, as a fraction of its places, and the text that replaces it. */
interface TreeEdit {
  readonly at: number;
  readonly to: { readonly text: string } | { readonly from: number; readonly wraps: number };
}

const anyJson = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    ...TOKENS.map((token) => token.toString()).filter((token) => {
      try {
        JSON.parse(token);
        return true;
      } catch {
        return false;
      }
    }),
  ),
  fc.string({ unit: "binary", maxLength: 20 }).map((text) => JSON.stringify(text)),
);

const treeEdits = fc.record({
  at: place,
  to: fc.oneof(
    anyJson.map((text) => ({ text })),
    fc.record({ from: place, wraps: fc.constantFrom(0, 0, 0, 1, 3, 300) }),
  ),
});

/** Generates inputs from seeds: real lines in any order, changed as values and as bytes, with generated lines between them. */
export function fuzzInputs(seeds: readonly Buffer[]): fc.Arbitrary<FuzzInput> {
  const lines = seeds.flatMap(jsonLines);
  const seedLine = fc
    .tuple(place, fc.array(treeEdits, { maxLength: 3 }))
    .map(([at, edits]) => editedLine(lines, at, edits));
  const line = fc.oneof(
    { weight: 8, arbitrary: seedLine },
    { weight: 1, arbitrary: anyJson },
    { weight: 1, arbitrary: fc.constant("") },
  );
  const sequence = fc
    .tuple(place, fc.nat(20), fc.array(fc.tuple(place, line), { maxLength: 6 }))
    .map(([at, count, extra]) => {
      const start = Math.floor(at * lines.length);
      const sequence = lines.slice(start, start + count).map((value) => JSON.stringify(value));
      for (const [where, text] of extra) sequence.splice(Math.floor(where * (sequence.length + 1)), 0, text);
      return sequence;
    });
  return fc
    .record({
      lines: fc.oneof(
        { weight: 3, arbitrary: sequence },
        { weight: 1, arbitrary: fc.constantFrom(...seeds).map((seed) => [seed.toString("utf8")]) },
      ),
      newline: fc.constantFrom("\n", "\n", "\n", "\r\n", ""),
      ends: fc.boolean(),
      edits: fc.array(byteEdits, { maxLength: 3 }),
      chunkLengths: fc.oneof(
        fc.constant([]),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
      ),
    })
    .map(({ lines, newline, ends, edits, chunkLengths }) => ({
      bytes: edits.reduce(applyByteEdit, Buffer.from(lines.join(newline) + (ends ? newline : ""))),
      chunkLengths,
    }));
}

function editedLine(lines: readonly Json[], at: number, edits: readonly TreeEdit[]): string {
  let value = lines[Math.floor(at * lines.length)] ?? null;
  let text = JSON.stringify(value);
  for (const { at, to } of edits) {
    const paths = pathsIn(value);
    const path = paths[Math.floor(at * paths.length)] ?? [];
    text = textWith(
      value,
      path,
      "text" in to ? to.text : wrapped(value, paths[Math.floor(to.from * paths.length)], to),
    );
    try {
      value = JSON.parse(text) as Json;
    } catch {
      return text;
    }
  }
  return text;
}

const wrapped = (value: Json, path: readonly (string | number)[] = [], { wraps }: { wraps: number }): string =>
  `${"[".repeat(wraps)}${JSON.stringify(valueAt(value, path))}${"]".repeat(wraps)}`;

function applyByteEdit(bytes: Buffer, edit: ByteEdit): Buffer {
  const at = Math.floor(edit.at * bytes.length);
  switch (edit.kind) {
    case "insert":
      return Buffer.concat([bytes.subarray(0, at), edit.bytes, bytes.subarray(at)]);
    case "delete":
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + edit.length)]);
    case "repeat":
      return Buffer.concat([bytes.subarray(0, at + edit.length), bytes.subarray(at)]);
    case "set": {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = edit.byte;
      return changed;
    }
    case "cut":
      return bytes.subarray(0, at);
  }
}
