import fc from "fast-check";
import { expect, test } from "vitest";
import { cutSchema } from "./cut-schema.ts";
import { isDeeper } from "./limit-depth.ts";

const object = (a: unknown) => ({ type: "object", properties: { a } });

test("a deeper schema allows anything, and the rest is unchanged", () => {
  const schema = { ...object(object({ anyOf: [{ type: "string" }, object({})] })), required: ["a"] };
  expect(cutSchema(schema, 5)).toEqual({ ...object(object({})), required: ["a"] });
  expect(cutSchema(schema, 6)).toEqual({ ...object(object({})), required: ["a"] });
  expect(cutSchema(schema, 7)).toEqual({ ...object(object({ anyOf: [{ type: "string" }, {}] })), required: ["a"] });
  expect(cutSchema(schema, 9)).toEqual(schema);
});

test("10^6 levels don't overflow the stack", () => {
  let schema: Record<string, unknown> = {};
  let list: unknown = [];
  for (let i = 0; i < 1e6; i++) {
    schema = { not: schema };
    list = [list];
  }
  expect(cutSchema({ not: schema, enum: list }, 3)).toEqual({ not: { not: {} }, enum: [] });
});

test("any schema is cut to the limit, and is unchanged within it", () => {
  const schema = fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), fc.jsonValue({ maxDepth: 8 }));
  fc.assert(
    fc.property(schema, fc.integer({ min: 2, max: 9 }), (schema, levels) => {
      const cut = cutSchema(schema, levels);
      expect(isDeeper(cut, levels)).toBe(false);
      if (!isDeeper(schema, levels)) expect(JSON.stringify(cut)).toBe(JSON.stringify(schema));
    }),
  );
});
