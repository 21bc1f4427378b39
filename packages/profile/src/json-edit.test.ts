import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addToList, removeFromList, removeMember, setMember, setMemberText, textAt } from "./json-edit.ts";

/** JSON objects as people and programs write them: any indentation, either line ending, white space anywhere. */
const document = fc
  .tuple(
    fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>),
    fc.array(fc.string()),
    fc.constantFrom("", "  ", "\t", "    "),
    fc.constantFrom("\n", "\r\n"),
    fc.constantFrom("", "\ufeff"),
    fc.constantFrom("", "\n", " \n"),
  )
  .map(([rest, list, indent, newline, mark, end]) => {
    const value = { ...rest, plugins: { deny: 1, allow: list.filter((name) => name !== "ours") } };
    return mark + JSON.stringify(value, null, indent).replaceAll("\n", newline) + end;
  });

const parse = (text: string) => JSON.parse(text.replace(/^\ufeff/, ""));
const ALLOW = ["plugins", "allow"];

describe("any document", () => {
  test("gets one more element at the end, and removing it restores the text", () => {
    fc.assert(
      fc.property(document, (text) => {
        const added = addToList(text, ALLOW, "ours");
        const expected = parse(text);
        expected.plugins.allow.push("ours");
        expect(parse(added)).toEqual(expected);
        expect(addToList(added, ALLOW, "ours")).toBe(added);
        expect(removeFromList(added, ALLOW, "ours")).toBe(text);
      }),
    );
  });

  test("gets one more member, and removing it restores the text", () => {
    fc.assert(
      fc.property(document, fc.string(), fc.jsonValue(), (text, name, value) => {
        fc.pre(!Object.hasOwn(parse(text), name) && name !== "__proto__");
        const added = setMember(text, [], name, value as never);
        expect(parse(added)).toEqual({ ...parse(text), [name]: JSON.parse(JSON.stringify(value)) });
        expect(removeMember(added, [], name)).toBe(text);
      }),
    );
  });

  test("gets a member's old value back verbatim", () => {
    fc.assert(
      fc.property(document, (text) => {
        const before = textAt(text, ["plugins"]) as string;
        const changed = setMember(text, [], "plugins", "replaced");
        expect(parse(changed).plugins).toBe("replaced");
        expect(setMemberText(changed, [], "plugins", before)).toBe(text);
      }),
    );
  });
});

test.each([
  ["one per line", '{\n  "allow": [\n    "a"\n  ]\n}', '{\n  "allow": [\n    "a",\n    "ours"\n  ]\n}'],
  [
    "tabs and CRLF",
    '{\r\n\t"allow": [\r\n\t\t"a"\r\n\t]\r\n}',
    '{\r\n\t"allow": [\r\n\t\t"a",\r\n\t\t"ours"\r\n\t]\r\n}',
  ],
  ["on one line", '{ "allow": [ "a", "b" ] }', '{ "allow": [ "a", "b", "ours" ] }'],
  ["without a space", '{"allow":["a"]}', '{"allow":["a","ours"]}'],
  ["an empty list", '{"allow": [ ]}', '{"allow": ["ours" ]}'],
])("an element is formatted like its neighbors: %s", (_name, text, expected) => {
  expect(addToList(text, ["allow"], "ours")).toBe(expected);
});

test.each([
  ["one per line", '{\n  "a": 1\n}\n', '{\n  "a": 1,\n  "b": {\n    "c": [\n      1\n    ]\n  }\n}\n'],
  ["on one line", '{"a": 1}', '{"a": 1,"b":{"c":[1]}}'],
  ["none", "{}", '{"b":{"c":[1]}}'],
])("a member is formatted like its neighbors: %s", (_name, text, expected) => {
  expect(setMember(text, [], "b", { c: [1] })).toBe(expected);
});

test("a nested member is indented by the same step", () => {
  const text = '{\n  "plugins": {\n    "deny": []\n  }\n}';
  expect(setMember(text, ["plugins"], "allow", ["x"])).toBe(
    '{\n  "plugins": {\n    "deny": [],\n    "allow": [\n      "x"\n    ]\n  }\n}',
  );
});

test.each([
  ["the first", '["ours", "a"]', '["a"]'],
  ["in the middle", '["a", "ours", "b"]', '["a", "b"]'],
  ["several times", '["ours","a","ours"]', '["a"]'],
  ["not there", '["a"]', '["a"]'],
])("an element is removed wherever it is: %s", (_name, list, expected) => {
  expect(removeFromList(`{"allow":${list}}`, ["allow"], "ours")).toBe(`{"allow":${expected}}`);
});

test("the last of two members with one name is edited, since readers of the file use that one", () => {
  const text = '{"allow":["a"],"allow":["b"]}';
  expect(addToList(text, ["allow"], "ours")).toBe('{"allow":["a"],"allow":["b","ours"]}');
});

test.each(["", "[]", "null", '{"allow":[}', '{"allow":["a",]}', '// x\n{"allow":[]}', '{"allow":{}}', "{}"])(
  "refuses anything but an object with such a list: %s",
  (text) => {
    expect(() => addToList(text, ["allow"], "ours")).toThrow(Error);
  },
);
