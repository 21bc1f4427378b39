import fc from "fast-check";
import { expect, test } from "vitest";
import { TextDeltas } from "./text-deltas.ts";

function received(deltas: string[], completed: string): string {
  const texts = new TextDeltas();
  return deltas.map((delta) => texts.delta("a", delta)).join("") + texts.complete("a", completed);
}

test.each<[name: string, deltas: string[], completed: string, expected: string]>([
  ["no deltas", [], "whole", "whole"],
  ["all in deltas", ["wh", "ole"], "whole", "whole"],
  ["the last delta is missing", ["wh"], "whole", "whole"],
  ["nothing completed", ["wh", "ole"], "", "whole"],
  ["completed without leading and trailing white space", ["\n who", "le \n"], "whole", "\n whole \n"],
  ["completed with other white space inside", ["a  b", "\r\nc"], "a b\nc", "a  b\r\nc"],
  ["completed with other white space, and more", ["a  b "], "a b c", "a  b c"],
  ["completed with another text", ["Hello"], "Good day", "Hello"],
  ["an emoji split between deltas", ["a\ud83d", "\ude00b"], "a\ud83d\ude00b", "a\ud83d\ude00b"],
  ["U+2028", ["a\u2028", "b"], "a\u2028b", "a\u2028b"],
  ["empty deltas", ["", "a", ""], "a", "a"],
])("%s", (_name, deltas, completed, expected) => {
  expect(received(deltas, completed)).toBe(expected);
});

test("a text is passed on once, however much of its beginning arrived as deltas", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), fc.nat(), (parts, count) => {
      const text = parts.join("");
      expect(received(parts.slice(0, count % (parts.length + 1)), text)).toBe(text);
    }),
  );
});

test("two concurrent messages stay separate", () => {
  const texts = new TextDeltas();
  expect([texts.delta("a", "1"), texts.delta("b", "2"), texts.delta("a", "3")]).toEqual(["1", "2", "3"]);
  expect([texts.textOf("a"), texts.complete("b", "24"), texts.complete("a", "135")]).toEqual(["13", "4", "5"]);
  expect(texts.complete("a", "again")).toBe("again");
});

test("1 MB in single characters takes linear time and memory", () => {
  const text = "x".repeat(1_000_000);
  expect(received([...text], text)).toBe(text);
});
