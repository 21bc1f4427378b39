import { expect, test } from "vitest";
import { type AllowEntry, allowPlugin, disallowPlugin, isAllowed } from "./plexum-json.ts";

test.each<[AllowEntry, string | undefined]>([
  ["file", undefined],
  ["plugins", "{}"],
  ["plugins", '{\n  "agents": {"a": 1.0e2}\n}\n'],
  ["allow", '{"plugins": {"dir": "x"}}'],
  ["entry", '{"plugins": {"allow": []}}'],
  ["entry", '{\n\t"plugins": {\n\t\t"allow": [\n\t\t\t"other"\n\t\t]\n\t}\n}'],
  ["nothing", '{"plugins": {"allow": ["other", "ours"]}}'],
])("creates the %s, and removes it without a trace", (expected, text) => {
  expect(isAllowed(text, "ours")).toBe(expected === "nothing");
  const { text: allowed, made } = allowPlugin(text, "ours");
  expect(made).toBe(expected);
  expect(JSON.parse(allowed).plugins.allow.at(-1)).toBe("ours");
  expect(isAllowed(allowed, "ours")).toBe(true);
  expect(allowPlugin(allowed, "ours")).toEqual({ text: allowed, made: "nothing" });
  expect(disallowPlugin(allowed, "ours", made)).toBe(text);
});

test("keeps what others have added since", () => {
  const { text, made } = allowPlugin(undefined, "ours");
  const { text: both } = allowPlugin(text, "other");
  expect(JSON.parse(disallowPlugin(both, "ours", made) as string)).toEqual({ plugins: { allow: ["other"] } });
});

test("leaves a file unchanged that no longer has the entry", () => {
  expect(disallowPlugin('{"plugins":{}}', "ours", "entry")).toBe('{"plugins":{}}');
});

test.each(['{"plugins": []}', '{"plugins": {"allow": "all"}}', "[]", "{"])("refuses %s", (text) => {
  expect(() => allowPlugin(text, "ours")).toThrow(SyntaxError);
});
