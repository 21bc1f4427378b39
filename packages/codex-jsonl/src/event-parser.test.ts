import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { handleAll } from "./event-parser.ts";
import { createEventParser, type EventParserOptions, type ParsedEvent } from "./index.ts";
import { EVENTS, mutatedEvents } from "./testing/sample-events.ts";

function parse(chunks: readonly Uint8Array[], options?: EventParserOptions): ParsedEvent[] {
  const results: ParsedEvent[] = [];
  const parser = createEventParser(
    handleAll((result) => results.push(result)),
    options,
  );
  for (const chunk of chunks) parser.write(chunk);
  parser.end();
  return results;
}

const parseText = (text: string, options?: EventParserOptions) => parse([Buffer.from(text)], options);

function cut(input: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < input.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(input.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

const lines = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...EVENTS).map((event) => JSON.stringify(event)) },
  { weight: 3, arbitrary: mutatedEvents.map((value) => JSON.stringify(value)) },
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("", "  \r", "{}", "[]", "\uFEFF{}", '{"type":"error","message":"é\u2028\u0085"}'),
);
const texts = fc.array(lines, { maxLength: 40 }).map((parts) => Buffer.from(parts.join("\n")));
const bytes = fc.oneof(
  texts,
  // Invalid UTF-8 between valid texts.
  fc.tuple(texts, fc.uint8Array({ maxLength: 40 }), texts).map((parts) => Buffer.concat(parts)),
);
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 500, max: 3000 })), {
  minLength: 1,
  maxLength: 5,
});

describe("any input", () => {
  test("produces the same results however it is cut into chunks", () => {
    fc.assert(
      fc.property(bytes, sizes, fc.constantFrom(60, 600, 5000), (input, cuts, maxLineBytes) => {
        const oneByOne = parse(cut(input, [1]), { maxLineBytes });
        expect(parse(cut(input, cuts), { maxLineBytes })).toEqual(oneByOne);
        expect(parse([new Uint8Array(input)], { maxLineBytes })).toEqual(oneByOne);
      }),
      { numRuns: 500 },
    );
  });

  test("never throws, and produces one result for each line that isn't blank", () => {
    fc.assert(
      fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 3000 })), (input) => {
        const text = Buffer.from(input).toString("latin1");
        const count = text.split("\n").filter((line) => /[^ \t\r]/.test(line)).length;
        expect(parse([input])).toHaveLength(count);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["a million nested arrays", "[".repeat(1e6)],
    ["NUL", "\0\0\0"],
    ["numbers, strings, arrays, null", '1\n"type"\n[{"type":"error"}]\nnull'],
    ["a torn line", '{"type":"thread.st\n{"type":"turn.started"}'],
    ["lone surrogates", '{"type":"\\ud800"}'],
  ])("%s", (_name, text) => {
    expect(parseText(text)).toHaveLength(text.split("\n").length);
  });

  test("__proto__ and constructor affect only the value that contains them", () => {
    const [event] = parseText(
      '{"type":"turn.started","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    expect(event).toMatchObject({ type: "turn.started" });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect(parseText('{"type":"__proto__"}')).toMatchObject([{ type: "unknown", eventType: "__proto__" }]);
  });
});

describe("lines", () => {
  test("don't end at U+2028, U+2029, U+0085 or a carriage return", () => {
    const event = { type: "error", message: "a\u2028b\u2029c\u0085d" };
    expect(parseText(`${JSON.stringify(event)}\r\n`)).toEqual([event]);
  });

  test("a last line without a newline is an event if it is complete, and truncated otherwise", () => {
    expect(parseText('{"type":"turn.started"}')).toEqual([{ type: "turn.started" }]);
    expect(parseText('{"type":"turn.started"}\n{"type":"turn.com')).toMatchObject([
      { type: "turn.started" },
      { type: "malformed", reason: "truncated", offset: 24, length: 17, excerpt: '{"type":"turn.com' },
    ]);
  });

  test("the parser accepts a new input after end", () => {
    const offsets: number[] = [];
    const parser = createEventParser({ onMalformed: ({ offset }) => offsets.push(offset) });
    for (const text of ["\nx", "\nx"]) {
      parser.write(Buffer.from(text));
      parser.end();
    }
    expect(offsets).toEqual([1, 1]);
  });
});

describe("unknown", () => {
  test("keeps an event of an unknown type, even if it has the name of a parser result", () => {
    for (const eventType of ["thread.renamed", "unknown", "malformed", "oversized"]) {
      const value = { type: eventType, reason: "x" };
      expect(parseText(JSON.stringify(value))).toEqual([{ type: "unknown", eventType, offset: 0, value }]);
    }
  });

  test("keeps an event with an item of an unknown type", () => {
    const value = { type: "item.completed", item: { id: "item_3", type: "hologram", depth: 3 } };
    expect(parseText(`\n${JSON.stringify(value)}`)).toEqual([
      { type: "unknown", eventType: "item.completed", itemType: "hologram", offset: 1, value },
    ]);
  });

  test("unknown keys are kept", () => {
    const value = { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 2, new_tokens: 3 }, extra: [1] };
    expect(parseText(JSON.stringify(value))).toEqual([value]);
  });
});

describe("malformed", () => {
  test.each([
    ["{", "not_json"],
    ["\uFEFF{}", "not_json"],
    ["[]", "not_an_event"],
    ['{"type":7}', "not_an_event"],
    ['{"type":"thread.started"}', "wrong_shape"],
    ['{"type":"item.completed"}', "wrong_shape"],
    ['{"type":"item.completed","item":{"id":"item_0","type":"agent_message"}}', "wrong_shape"],
  ])("%s is %s", (line, reason) => {
    const length = Buffer.byteLength(line);
    expect(parseText(`${line}\n`)).toMatchObject([
      { type: "malformed", reason, offset: 0, length, excerpt: line.replace("\uFEFF", "") },
    ]);
  });

  test("names the field", () => {
    expect(parseText('{"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":1}}')).toMatchObject([
      { message: expect.stringContaining("item.text") },
    ]);
  });

  test("the excerpt does not cut a character", () => {
    const [result] = parseText("é".repeat(2000).padStart(2001, "x"));
    expect(result).toMatchObject({ excerpt: `x${"é".repeat(511)}` });
  });
});

describe("an event with a field that is missing or has another type", () => {
  test.each([
    [{ type: "turn.completed" }, { type: "turn.completed", usage: null }],
    [
      { type: "turn.completed", usage: { input_tokens: "1" } },
      { type: "turn.completed", usage: null },
    ],
    [
      { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 2, cached_input_tokens: "3" } },
      { type: "turn.completed", usage: { input_tokens: 1, output_tokens: 2 } },
    ],
    [{ type: "turn.failed" }, { type: "turn.failed", error: { message: "" } }],
    [
      { type: "error", message: null },
      { type: "error", message: "" },
    ],
    [
      { type: "item.completed", item: { type: "agent_message", text: "the answer" } },
      { type: "item.completed", item: { id: "", type: "agent_message", text: "the answer" } },
    ],
    [
      { type: "item.started", item: { id: "item_1", type: "command_execution" } },
      {
        type: "item.started",
        item: {
          id: "item_1",
          type: "command_execution",
          command: "",
          aggregated_output: "",
          exit_code: null,
          status: "unknown",
        },
      },
    ],
  ])("is not lost: %j", (written, read) => {
    expect(parseText(JSON.stringify(written))).toEqual([read]);
  });
});

describe("oversized", () => {
  const long = "x".repeat(5000);
  const options = { maxLineBytes: 2000 };

  test("identifies the line, and reads the lines around it", () => {
    const item = { id: "item_1", type: "command_execution", aggregated_output: long };
    const line = JSON.stringify({ type: "item.completed", item });
    expect(parseText(`{"type":"turn.started"}\n${line}\n{"type":"turn.started"}\n`, options)).toEqual([
      { type: "turn.started" },
      {
        type: "oversized",
        eventType: "item.completed",
        itemType: "command_execution",
        offset: 24,
        length: line.length,
        excerpt: line.slice(0, 1024),
      },
      { type: "turn.started" },
    ]);
  });

  test("identifies an event without an item, and reports no type that it can't see", () => {
    const [failed, other] = parseText(`{"type":"turn.failed","error":{"message":"${long}"}}\n${long}`, options);
    expect(failed).toMatchObject({ type: "oversized", eventType: "turn.failed" });
    expect(failed).not.toHaveProperty("itemType");
    expect(other).not.toHaveProperty("eventType");
  });

  test.each([0, -1, 1.5, Number.NaN])("rejects maxLineBytes %d", (maxLineBytes) => {
    expect(() => createEventParser({}, { maxLineBytes })).toThrow(RangeError);
  });
});

test("write throws the error of a handler, and the next chunk is read as usual", () => {
  const seen: string[] = [];
  const parser = createEventParser({
    onEvent(event) {
      if (event.type === "turn.started") throw new Error("from the handler");
      seen.push(event.type);
    },
  });
  const filler = JSON.stringify({ type: "error", message: "x".repeat(600) });
  for (const chunk of [`{"type":"turn.started"}\n{"type":"err`, `{"type":"turn.started"}\n${filler}\n{"type":"err`]) {
    expect(() => parser.write(Buffer.from(chunk))).toThrow("from the handler");
    parser.write(Buffer.from('or","message":"m"}\n'));
  }
  expect(seen).toEqual(["error", "error"]);
});
