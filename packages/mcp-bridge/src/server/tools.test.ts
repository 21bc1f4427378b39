import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toolbox } from "./tools.ts";

describe("a list of tools", () => {
  test("is offered with all its fields, in order", () => {
    const tools = [
      {
        name: "read_file",
        description: "Reads a file",
        inputSchema: { type: "object", properties: { path: { type: "string" } }, $defs: { x: {} } },
        annotations: { readOnlyHint: true },
        _meta: { "host/id": 7 },
      },
      { name: "now" },
    ];
    const { offered } = toolbox(tools);
    expect(offered).toEqual([tools[0], { name: "now", inputSchema: { type: "object" } }]);
  });

  test("gives a schema without a type the only type there is", () => {
    expect(toolbox([{ name: "a", inputSchema: { properties: {} } }]).offered[0]).toEqual({
      name: "a",
      inputSchema: { type: "object", properties: {} },
    });
  });

  test("has a name for each that every client takes, and finds the host's again", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ unit: "binary", maxLength: 200 })), (names) => {
        const { offered, hostNames } = toolbox(names.map((name) => ({ name })));
        expect(offered.map(({ name }) => hostNames.get(String(name)))).toEqual(names);
        for (const { name } of offered) expect(name).toMatch(/^[A-Za-z0-9_.-]{1,128}$/);
      }),
    );
  });

  test("has a schema that is too deep cut, and says so", () => {
    let inputSchema: Record<string, unknown> = { type: "string" };
    for (let i = 0; i < 1e5; i++) inputSchema = { type: "object", properties: { a: inputSchema } };
    const { offered, json, warnings } = toolbox([{ name: "deep" }, { name: "a", inputSchema }].reverse());
    expect(offered.map(({ name }) => name)).toEqual(["a", "deep"]);
    expect(json.length).toBeLessThan(5000);
    expect(warnings).toEqual([expect.stringContaining('The tool "a" is offered with a schema that was cut')]);
  });

  test("leaves out what a client can't read, and says so", () => {
    const inputSchema = { type: "object", properties: { a: null, b: { items: [{ type: "string" }] } } };
    const malformed = { title: 7, annotations: { readOnlyHint: "yes" }, outputSchema: "x", icons: {}, _meta: [] };
    const { offered, warnings } = toolbox([{ name: "a", inputSchema, ...malformed, further: 1 } as never]);
    expect(offered).toEqual([
      {
        name: "a",
        inputSchema: { type: "object", properties: { a: {}, b: { items: { anyOf: [{ type: "string" }] } } } },
        further: 1,
      },
    ]);
    expect(warnings).toEqual([
      'The tool "a" is offered with a schema that was changed where clients can\'t read it: properties.a, properties.b.items',
      'The tool "a" is offered without what is malformed: title, annotations, outputSchema, icons, _meta',
    ]);
  });

  test("is refused with a schema that refers to itself", () => {
    const inputSchema: Record<string, unknown> = { type: "object" };
    inputSchema.properties = { a: inputSchema, b: inputSchema };
    expect(() => toolbox([{ name: "a", inputSchema }])).toThrow(expect.objectContaining({ code: "invalid_tools" }));
  });

  test("is refused with two of one name, or what MCP can't describe", () => {
    expect(() => toolbox([{ name: "a" }, { name: "a" }])).toThrow(
      expect.objectContaining({ code: "invalid_tools", message: 'Two tools are called "a"' }),
    );
    const wrong = [
      { name: 7 },
      { name: "a", inputSchema: { type: "string" } },
      { name: "a", description: null },
      { name: "a", inputSchema: { default: 1n } },
    ];
    for (const tool of wrong) {
      expect(() => toolbox([tool as never])).toThrow(expect.objectContaining({ code: "invalid_tools" }));
    }
  });
});
