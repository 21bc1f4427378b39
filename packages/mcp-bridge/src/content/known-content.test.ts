import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { knownContent } from "./known-content.ts";

const text = (text: string) => ({ type: "text", text });
const png = "iVBORw0KGgoAAAANSUhEUg==";

function known(content: readonly unknown[], rest: object = {}) {
  const faults: string[] = [];
  const { content: blocks, ...others } = knownContent({ ...rest, content }, (fault) => faults.push(fault));
  return { blocks, others, faults };
}

test.each<object>([
  { type: "text", text: "a", further: 1, annotations: { audience: ["user"], priority: 0.5 }, _meta: { a: 1 } },
  { type: "image", data: "aGk=", mimeType: "image/png" },
  { type: "audio", data: "aGk=", mimeType: "audio/wav", annotations: { lastModified: "2025-01-12T15:00:58+02:00" } },
  { type: "resource", resource: { uri: "file:///x", text: "", mimeType: null } },
  { type: "resource", resource: { uri: "file:///x", blob: "aGk=", _meta: {} } },
  { type: "resource_link", uri: "file:///x", name: "x", size: 7, icons: [{ src: "a", sizes: ["48x48"] }], title: null },
])("the MCP block %j passes unchanged", (block) => {
  const { blocks, faults } = known([block]);
  expect(blocks[0]).toBe(block);
  expect(faults).toEqual([]);
});

test.each<[unknown, unknown]>([
  [{ type: "json", json: { a: 1 } }, text('{"type":"json","json":{"a":1}}')],
  [{ type: "tool_use", id: "x" }, text('{"type":"tool_use","id":"x"}')],
  [{ kind: "text", text: "a" }, text('{"kind":"text","text":"a"}')],
  [{ type: "constructor" }, text('{"type":"constructor"}')],
  ["plain", text("plain")],
  [7, text("7")],
  [["a"], text('["a"]')],
  [{ type: "text", text: null }, text("")],
  [{ type: "text" }, text("")],
  [{ type: "text", text: { a: 1 } }, text('{"a":1}')],
  [
    { type: "text", text: "a", annotations: { audience: "user" }, more: 1 },
    { ...text("a"), more: 1 },
  ],
  [{ type: "text", text: "a", annotations: { lastModified: "yesterday" } }, text("a")],
  [{ type: "text", text: "a", _meta: 1 }, text("a")],
  [
    { type: "image", data: png },
    { type: "image", data: png, mimeType: "image/png" },
  ],
  [
    { type: "image", data: "/9j/4AAQSkZJRg==", mimeType: null },
    { type: "image", data: "/9j/4AAQSkZJRg==", mimeType: "image/jpeg" },
  ],
  [{ type: "image", data: "aGk=" }, text('[image left out: it can\'t be read] {"type":"image"}')],
  [{ type: "audio", data: png }, text('[audio left out: it can\'t be read] {"type":"audio"}')],
  [
    { type: "image", source: { url: "a" } },
    text('[image left out: it can\'t be read] {"type":"image","source":{"url":"a"}}'),
  ],
  [{ type: "resource", resource: { uri: "a" } }, text('{"type":"resource","resource":{"uri":"a"}}')],
  [
    { type: "resource_link", uri: "a", name: "a", size: 5e9 },
    { type: "resource_link", uri: "a", name: "a" },
  ],
  [{ type: "resource_link", uri: "a" }, text('{"type":"resource_link","uri":"a"}')],
])("of %j the model gets %j, and the text beside it stays", (block, expected) => {
  const { blocks, faults } = known([text("before"), block, text("after")]);
  expect(blocks).toEqual([text("before"), expected, text("after")]);
  expect(faults).toHaveLength(1);
});

describe("no content", () => {
  test("is an empty text, unless there is structured content", () => {
    expect(known([])).toEqual({ blocks: [text("")], others: {}, faults: [] });
    expect(known([null]).blocks).toEqual([text("")]);
    expect(known([], { structuredContent: {} }).blocks).toEqual([]);
    expect(known([], { structuredContent: null }).blocks).toEqual([text("")]);
  });

  test("of a failure says that it is one", () => {
    const { blocks, others } = known([], { isError: true });
    expect(blocks).toEqual([text("The tool failed without a message")]);
    expect(others).toEqual({ isError: true });
  });
});

test("a malformed field of the result is left out", () => {
  const { blocks, others, faults } = known([text("a")], { isError: "no", _meta: 1, further: 2 });
  expect(blocks).toEqual([text("a")]);
  expect(others).toEqual({ further: 2 });
  expect(faults).toEqual(["a result with a malformed isError, _meta"]);
});

test("the result needs no further change, whatever the host sent", () => {
  const type = fc.constantFrom("text", "image", "audio", "resource", "resource_link", "json", undefined, null);
  const block = fc.tuple(
    fc.dictionary(
      fc.constantFrom("text", "data", "mimeType", "resource", "uri", "name", "annotations", "_meta", "size", "icons"),
      fc.jsonValue(),
    ),
    type,
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          block.map(([fields, type]) => ({ ...fields, type })),
          fc.jsonValue(),
        ),
      ),
      (content) => {
        const { blocks } = known(content);
        expect(blocks.length).toBeGreaterThan(0);
        expect(known(blocks)).toEqual({ blocks, others: {}, faults: [] });
      },
    ),
  );
});
