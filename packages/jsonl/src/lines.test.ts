import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  BackwardLineSplitter,
  EXCERPT_BYTES,
  LineSplitter,
  readLinesBackward,
  type SplitLine,
  splitLines,
} from "./index.ts";

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8");

/** A line's content, independent of how its memory is held. */
function plain(line: SplitLine) {
  const { offset, length, terminated } = line;
  return line.kind === "line"
    ? { text: text(line.bytes), offset, length, terminated }
    : { head: text(line.head), offset, length, terminated };
}

/** The reference implementation: splits the whole input at once, the slow and obvious way. */
function expected(input: Buffer, maxLineBytes: number) {
  const lines = [];
  for (let offset = 0; offset < input.length; ) {
    const newline = input.indexOf("\n", offset);
    const end = newline === -1 ? input.length : newline;
    const bytes = input.subarray(offset, end);
    const common = { offset, length: bytes.length, terminated: newline !== -1 };
    lines.push(
      bytes.length > maxLineBytes
        ? { head: text(bytes.subarray(0, EXCERPT_BYTES)), ...common }
        : { text: text(bytes), ...common },
    );
    offset = end + 1;
  }
  return lines;
}

function chunked(input: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < input.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(input.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const inputs = fc
  .array(
    fc.oneof(
      fc.constant("\n"),
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.constantFrom("\r\n", "\u2028", "\u0085", "é".repeat(700)),
    ),
  )
  .map((parts) => Buffer.from(parts.join("")));
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const caps = fc.constantFrom(1, 5, 20, 2000);

describe("LineSplitter", () => {
  test("returns the same lines however the input is cut into chunks", () => {
    fc.assert(
      fc.property(inputs, sizes, caps, (input, cuts, maxLineBytes) => {
        const splitter = new LineSplitter({ maxLineBytes });
        const lines = [...chunked(input, cuts).flatMap((chunk) => splitter.write(chunk)), ...splitter.end()];
        expect(lines.map(plain)).toEqual(expected(input, maxLineBytes));
      }),
    );
  });

  test("counts offsets from startOffset", () => {
    const splitter = new LineSplitter({ startOffset: 100 });
    expect(splitter.write(Buffer.from("ab\ncd\n")).map((line) => line.offset)).toEqual([100, 103]);
  });

  test("does not change the bytes of a line returned earlier", () => {
    const splitter = new LineSplitter();
    splitter.write(Buffer.from("fir"));
    const [first] = splitter.write(Buffer.from("st\nsec"));
    splitter.write(Buffer.from("ond\n"));
    expect(first && plain(first)).toMatchObject({ text: "first" });
  });

  test("returns empty lines, and marks a last line without a newline", () => {
    const splitter = new LineSplitter();
    expect(splitter.write(Buffer.from("\nx")).map(plain)).toEqual([
      { text: "", offset: 0, length: 0, terminated: true },
    ]);
    expect(splitter.end().map(plain)).toEqual([{ text: "x", offset: 1, length: 1, terminated: false }]);
    expect(splitter.end()).toEqual([]);
  });

  test.each([0, -1, 1.5, Number.NaN])("rejects maxLineBytes %d", (maxLineBytes) => {
    expect(() => new LineSplitter({ maxLineBytes })).toThrow(RangeError);
  });

  test.each([-1, 0.5, Number.POSITIVE_INFINITY])("rejects startOffset %d", (startOffset) => {
    expect(() => new LineSplitter({ startOffset })).toThrow(RangeError);
  });
});

describe("splitLines", () => {
  test("reads a web stream and a list of chunks alike", async () => {
    const chunks = [Buffer.from("a\nb"), Buffer.from("c")];
    const fromList = [];
    for await (const line of splitLines(chunks)) fromList.push(plain(line));
    const fromStream = [];
    for await (const line of splitLines(new Blob(chunks).stream())) fromStream.push(plain(line));
    expect(fromList.map((line) => line.text)).toEqual(["a", "bc"]);
    expect(fromStream).toEqual(fromList);
  });
});

describe("backward", () => {
  test("BackwardLineSplitter returns the same lines in reverse order", () => {
    fc.assert(
      fc.property(inputs, sizes, caps, (input, cuts, maxLineBytes) => {
        const splitter = new BackwardLineSplitter(input.length, { maxLineBytes });
        const lines = [
          ...chunked(input, cuts)
            .reverse()
            .flatMap((chunk) => splitter.write(chunk)),
          ...splitter.end(),
        ];
        expect(lines.map(plain).reverse()).toEqual(expected(input, maxLineBytes));
      }),
    );
  });

  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "jsonl-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("readLinesBackward reads a file from its end, or from an offset", async () => {
    const path = join(folder, "lines");
    await writeFile(path, "one\ntwo\nthree");
    await using file = await open(path);
    const read = async (options: Parameters<typeof readLinesBackward>[1]) => {
      const lines = [];
      for await (const line of readLinesBackward(file, options)) lines.push(plain(line));
      return lines;
    };
    expect((await read({ chunkBytes: 2 })).map((line) => line.text)).toEqual(["three", "two", "one"]);
    expect((await read({ end: 8 })).map((line) => [line.text, line.offset, line.terminated])).toEqual([
      ["two", 4, true],
      ["one", 0, true],
    ]);
    await expect(read({ end: 100 })).rejects.toThrow("shortened");
    await expect(read({ chunkBytes: 0 })).rejects.toThrow(RangeError);
  });
});
