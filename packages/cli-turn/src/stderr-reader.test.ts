import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { StderrReader } from "./stderr-reader.ts";

async function read(...chunks: (string | Buffer)[]) {
  const stream = new PassThrough();
  const lines: string[] = [];
  const isNoise = (line: string) => line.startsWith("Reading prompt");
  const reader = new StderrReader(stream, (line) => lines.push(line), isNoise);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await new Promise((resolve) => stream.once("close", resolve));
  reader.end();
  return { lines, tail: reader.tail };
}

test("emits lines without escape sequences, including a last line without a newline", async () => {
  expect(await read("\x1b[31mERROR\x1b[0m one\r\ntw", "o\nthree")).toEqual({
    lines: ["ERROR one", "two", "three"],
    tail: "ERROR one\ntwo\nthree\n",
  });
});

test("joins a character that is split across chunks", async () => {
  const bytes = Buffer.from("é\n");
  expect((await read(bytes.subarray(0, 1), bytes.subarray(1))).lines).toEqual(["é"]);
});

test("leaves noise out of the tail", async () => {
  const { lines, tail } = await read("Reading prompt from stdin...\nError: no\n");
  expect(lines).toHaveLength(2);
  expect(tail).toBe("Error: no\n");
});

test("keeps a bounded tail", async () => {
  const { tail } = await read("x".repeat(99).concat("\n").repeat(5000), "the reason\n");
  expect(tail.length).toBeLessThanOrEqual(16 * 1024);
  expect(tail.endsWith("the reason\n")).toBe(true);
});
