import { describe, expect, test } from "vitest";
import type * as z from "zod/mini";
import { streamRequest } from "../test-support.ts";
import { check } from "./check.ts";
import {
  blockSchema,
  callToolParamsSchema,
  callToolResultSchema,
  initializeParamsSchema,
  mutateRequestSchema,
  providerEventSchema,
  streamRequestSchema,
} from "./wire.ts";

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

  test.each<[string, z.ZodMiniType, object, object]>([
    [
      "request",
      streamRequestSchema,
      {
        stream_id: "s",
        model_id: "",
        agent: { agent_id: "a", workspace: "/" },
        request: {
          messages: [
            { role: "assistant", content: null },
            {
              role: "user",
              content: [
                { type: "image", url: null, data_base64: "aGk=", path: "", media_type: null },
                { type: "tool_result", tool_use_id: "c", content: "", is_error: null },
                { type: "thinking", text: "", signature: null },
                { type: "hologram", depth: null },
              ],
            },
          ],
          tools: [{ name: "now", description: null, input_schema: null }, { name: "then" }],
        },
      },
      {
        stream_id: "s",
        model_id: "",
        agent: { agent_id: "a", workspace: "/" },
        request: {
          messages: [
            { role: "assistant", content: [] },
            {
              role: "user",
              content: [
                { type: "image", data_base64: "aGk=" },
                { type: "tool_result", tool_use_id: "c", content: "" },
                { type: "thinking", text: "" },
                { type: "hologram", depth: null },
              ],
            },
          ],
          tools: [
            { name: "now", input_schema: {} },
            { name: "then", input_schema: {} },
          ],
        },
      },
    ],
    [
      "request of nothing",
      streamRequestSchema,
      { ...streamRequest, request: { messages: null } },
      { ...streamRequest, request: { messages: [] } },
    ],
    [
      "mutation",
      mutateRequestSchema,
      { agent_id: "a", workspace: "/", mutations: null },
      { agent_id: "a", workspace: "/", mutations: [] },
    ],
    ["call of a tool", callToolParamsSchema, { name: "x", arguments: null, _meta: null }, { name: "x", arguments: {} }],
    [
      "call by an operator",
      callToolParamsSchema,
      { name: "x", _meta: { agent_id: null } },
      { name: "x", arguments: {}, _meta: {} },
    ],
    [
      "result of a tool",
      callToolResultSchema,
      { content: null, structuredContent: null, isError: null },
      { content: [] },
    ],
    [
      "handshake",
      initializeParamsSchema,
      { protocolVersion: "2025-06-18", clientInfo: null },
      { protocolVersion: "2025-06-18" },
    ],
  ])("read Go's null as absence: in a %s", (_what, schema, sent, read) => {
    expect(schema.parse(sent)).toEqual(read);
  });

  test("still name what is neither", () => {
    const request = { messages: "all", tools: [{ name: "x", input_schema: [] }], system: 7 };
    expect(check(streamRequestSchema, { ...streamRequest, request }, "params")).toEqual({
      ok: false,
      faults:
        "params.request.messages: expected array; params.request.tools[0].input_schema: expected record; params.request.system: expected string",
    });
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
