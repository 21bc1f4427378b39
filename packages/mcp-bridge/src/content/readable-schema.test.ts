import { expect, test } from "vitest";
import { readableSchema } from "./readable-schema.ts";

function readable(schema: Record<string, unknown>) {
  const paths: string[] = [];
  return { schema: readableSchema(schema, (path) => paths.push(path)), paths };
}

test("a readable schema is copied unchanged", () => {
  const schema = {
    type: "object",
    description: "d",
    properties: { a: { type: ["object", "null"], properties: null }, items: true, __proto: { enum: [1, null] } },
    required: ["a"],
    additionalProperties: false,
    anyOf: [{ not: { items: { $ref: "#" } } }],
    $defs: { b: { default: [{ items: [1] }], required: null } },
    "x-further": { items: [] },
  };
  expect(readable(schema)).toEqual({ schema, paths: [] });
});

test.each<[Record<string, unknown>, Record<string, unknown>, string[]]>([
  [{ properties: [] }, {}, ["properties"]],
  [
    { properties: { a: null, b: "string", c: 1 } },
    { properties: { a: {}, b: {}, c: {} } },
    ["properties.a", "properties.b", "properties.c"],
  ],
  [{ properties: { a: { required: true } } }, { properties: { a: {} } }, ["properties.a.required"]],
  [{ required: ["a", 1] }, {}, ["required"]],
  [{ description: 7, enum: {}, additionalProperties: "x" }, {}, ["description", "enum", "additionalProperties"]],
  [
    { items: [{ type: "string" }, { description: [] }] },
    { items: { anyOf: [{ type: "string" }, {}] } },
    ["items", "items.1.description"],
  ],
  [{ items: [] }, {}, ["items"]],
  [{ anyOf: {}, oneOf: [null] }, { oneOf: [{}] }, ["anyOf", "oneOf.0"]],
])("of %j %j is left", (schema, expected, paths) => {
  expect(readable(schema)).toEqual({ schema: expected, paths });
});
