import { expect, test } from "vitest";
import { type HostTool, offerableTools } from "./offerable-tools.ts";

const withSchema = (input_schema: unknown) => ({ name: "look", input_schema });

test.each<[unknown, unknown]>([
  [undefined, { type: "object" }],
  [null, { type: "object" }],
  [true, { type: "object" }],
  [{}, { type: "object" }],
  [
    { type: null, title: "t" },
    { type: "object", title: "t" },
  ],
  [
    { type: ["null", "object"], properties: { a: {} } },
    { type: "object", properties: { a: {} } },
  ],
  ['{"properties":{"a":{}}}', { type: "object", properties: { a: {} } }],
  [
    { type: "object", required: ["a"] },
    { type: "object", required: ["a"] },
  ],
])("a schema %j may be an object's", (schema, offered) => {
  expect(offerableTools([withSchema(schema)])).toEqual({
    tools: [{ name: "look", inputSchema: offered }],
    warnings: [],
  });
});

test.each([
  false,
  "object",
  "null",
  "[]",
  [],
  7,
  { type: "array" },
  { type: ["string", "null"] },
  { type: 1 },
  { type: [] },
])("a schema %j leaves its tool out", (schema) => {
  expect(offerableTools([withSchema(schema)])).toEqual({
    tools: [],
    warnings: ['the tool "look" is not offered: its input_schema does not describe an object'],
  });
});

test("of tools with the same name, the first is kept", () => {
  const tools = ["a", "b", "a", "a"].map((name, index) => ({ name, description: String(index), input_schema: {} }));
  const { tools: kept, warnings } = offerableTools(tools);
  expect(kept.map(({ name, description }) => [name, description])).toEqual([
    ["a", "0"],
    ["b", "1"],
  ]);
  expect(warnings).toHaveLength(2);
});

test("anything that is not a tool, or has no name, is left out and named", () => {
  const sent = [null, 7, "look", { input_schema: {} }, { name: "" }, { name: "look", input_schema: {} }];
  expect(offerableTools(sent as HostTool[])).toEqual({
    tools: [{ name: "look", inputSchema: { type: "object" } }],
    warnings: [0, 1, 2, 3, 4].map(
      (index) => `the tool at index ${index} of the request is not offered: it has no name`,
    ),
  });
});

test("a description that is no text is left out, and its tool offered", () => {
  const sent = { name: "look", description: ["a"], input_schema: {} };
  expect(offerableTools([sent as unknown as HostTool])).toEqual({
    tools: [{ name: "look", inputSchema: { type: "object" } }],
    warnings: ['the tool "look" is offered without its description, which is not text'],
  });
});
