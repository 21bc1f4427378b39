import { readdirSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { parseEvents } from "./index.ts";
import { isWellFormedEvent } from "./is-well-formed.ts";

const collect = (source: AsyncIterable<unknown>) => Readable.from(source).toArray();

const folder = new URL("../../../fixtures/codex-exec-stream/", import.meta.url);
const cases = readdirSync(folder);

describe.each(cases)("%s", (name) => {
  const stdout = readFileSync(new URL(`${name}/stdout.jsonl`, folder));

  test("is parsed into the recorded results", async () => {
    const expected = JSON.parse(readFileSync(new URL(`${name}/expected.json`, folder), "utf8"));
    expect(await collect(parseEvents([stdout]))).toEqual(expected);
  });

  test("is well-formed in every line, so that no line takes the slow path", () => {
    const lines = stdout.toString().trimEnd().split("\n");
    expect(lines.filter((line) => !isWellFormedEvent(JSON.parse(line)))).toEqual([]);
  });
});

test("the oldest and the newest supported codex are recorded", () => {
  expect(new Set(cases.map((name) => name.split("-")[0]))).toEqual(new Set(["0.135.0", "0.171.0"]));
});
