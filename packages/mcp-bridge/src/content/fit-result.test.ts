import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fitResult } from "./fit-result.ts";

const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe("a result", () => {
  test("that fits is the same object", () => {
    const result = { content: [{ type: "text", text: "x" }] };
    expect(fitResult(result, bytes(result))).toBe(result);
  });

  test("that is too long keeps the beginning and the end of its texts", () => {
    const text = `head ${"x".repeat(100_000)} tail`;
    const image = { type: "image", data: "aGk=", mimeType: "image/png" };
    const fitted = fitResult({ content: [{ type: "text", text, _meta: { a: 1 } }, image], isError: true }, 10_000);
    expect(fitted).toEqual({
      content: [
        {
          type: "text",
          text: expect.stringMatching(/^head x+\n\[… \d+ characters left out …\]\nx+ tail$/),
          _meta: { a: 1 },
        },
        image,
      ],
      isError: true,
    });
  });

  test("that is too long in another way becomes a failure", () => {
    const result = { content: [{ type: "image", data: "x".repeat(20_000), mimeType: "image/png" }] };
    expect(fitResult(result, 10_000)).toEqual({
      content: [
        {
          type: "text",
          text: `The result has ${bytes(result)} bytes, and a message to the client can have 10000: ask for less at once`,
        },
      ],
      isError: true,
    });
  });

  test("fits afterwards, whatever it holds", () => {
    const content = fc.array(
      fc.record({ type: fc.constant("text"), text: fc.string({ unit: "binary", maxLength: 4000 }) }),
      {
        maxLength: 5,
      },
    );
    fc.assert(fc.property(content, (content) => bytes(fitResult({ content }, 2000)) <= 2000));
  });
});
