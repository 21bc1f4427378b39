import { describe, expect, test } from "vitest";
import { streamRequest } from "../test-support.ts";
import { check } from "./check.ts";
import { blockSchema, providerEventSchema, streamRequestSchema } from "./wire.ts";

const requestWith = (...content: unknown[]) => ({
  ...streamRequest,
  request: { messages: [{ role: "user", content }] },
});

describe("schemas", () => {
  test("keep keys, blocks and events that they do not know", () => {
    const request = {
      ...requestWith({ type: "hologram", depth: 3 }, { type: "text", text: "t", lang: "en" }),
      extra: 1,
    };
    expect(streamRequestSchema.parse(request)).toEqual(request);
    const event = { type: "mood", mood: "good" };
    expect(providerEventSchema.parse(event)).toEqual(event);
    expect(blockSchema.safeParse({ type: "constructor" }).success).toBe(true);
  });

  test.each([
    [undefined, "params: expected object"],
    [{ ...streamRequest, stream_id: 1 }, "params.stream_id: expected string"],
    [requestWith({ type: "text" }), "params.request.messages[0].content[0].text: expected string"],
    [requestWith("text"), "params.request.messages[0].content[0]: expected object"],
    [
      { ...streamRequest, request: { messages: [{ role: "robot", content: [] }] } },
      'params.request.messages[0].role: expected "user" or "assistant" or "system" or "tool"',
    ],
  ])("name the key that is wrong: %#", (request, faults) => {
    expect(check(streamRequestSchema, request, "params")).toEqual({ ok: false, faults });
  });

  test("tell only the first of many faults", () => {
    const checked = check(streamRequestSchema, requestWith(...Array(8).fill(0)), "params");
    expect(checked).toMatchObject({
      ok: false,
      faults: expect.stringMatching(/content\[4\]: expected object; and 3 more$/),
    });
  });
});
