import { expect, test } from "vitest";
import { limitDepth } from "./limit-depth.ts";

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = i % 2 ? { value } : [value];
  return value;
}
const text = (text: string) => ({ type: "text", text });

test("a result within the limit passes unchanged", () => {
  const result = { content: [text("a"), { type: "x", value: nested(97) }], structuredContent: { value: nested(98) } };
  expect(limitDepth(result)).toBe(result);
});

test("a deep block becomes text, and the text beside it stays", () => {
  const deep = { type: "x", value: nested(98) };
  const faults: string[] = [];
  expect(limitDepth({ content: [text("a"), deep], isError: false }, (fault) => faults.push(fault))).toEqual({
    content: [text("a"), text(JSON.stringify(deep))],
    isError: false,
  });
  expect(faults).toEqual([expect.stringContaining("more than 100 levels deep")]);
});

test("a deep field is left out with a notice", () => {
  expect(limitDepth({ content: [text("a")], structuredContent: { value: nested(99) } })).toEqual({
    content: [text("a"), text("[structuredContent left out: nested more than 100 levels deep]")],
  });
});

test("10^6 levels neither overflow the stack nor reach the client", () => {
  expect(limitDepth({ content: [text("a"), { type: "x", value: nested(1e6) }] })).toEqual({
    content: [text("a"), text("[x left out: nested too deeply]")],
  });
  expect(limitDepth({ content: [text("a")], _meta: { value: nested(1e6) } })).toMatchObject({
    content: [text("a"), {}],
  });
});

test("a result that refers to itself ends", () => {
  const loop: Record<string, unknown> = { type: "x" };
  loop.self = loop;
  loop.again = { loop };
  expect(limitDepth({ content: [loop as { type: string }] })).toMatchObject({ isError: true });
});
