import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { parseEvents } from "./index.ts";
import { EventParserStream } from "./stream.ts";
import { EVENTS } from "./testing/sample-events.ts";

const collect = (source: AsyncIterable<unknown>) => Readable.from(source).toArray();

const input = Buffer.from(`${EVENTS.map((event) => JSON.stringify(event)).join("\n")}\nx`);
const chunks = Array.from({ length: Math.ceil(input.length / 100) }, (_, i) => input.subarray(i * 100, i * 100 + 100));
const results = [...EVENTS, expect.objectContaining({ type: "malformed", reason: "truncated" })];

test("parseEvents reads a list of chunks, a Node stream and a web stream", async () => {
  expect(await collect(parseEvents(chunks))).toEqual(results);
  expect(await collect(parseEvents(Readable.from(chunks)))).toEqual(results);
  expect(await collect(parseEvents(new Blob(chunks).stream()))).toEqual(results);
});

test("leaving the loop early ends the source", async () => {
  const source = Readable.from(chunks);
  for await (const event of parseEvents(source)) {
    expect(event).toEqual(EVENTS[0]);
    break;
  }
  expect(source.destroyed).toBe(true);
});

test("errors from the source are passed on", async () => {
  async function* broken() {
    yield input;
    throw new Error("from the source");
  }
  await expect(collect(parseEvents(broken()))).rejects.toThrow("from the source");
});

test("EventParserStream works in a pipe", async () => {
  const events = new Blob(chunks).stream().pipeThrough(new EventParserStream());
  expect(await collect(events)).toEqual(results);
  expect(() => new EventParserStream({ maxLineBytes: 0 })).toThrow(RangeError);
});
