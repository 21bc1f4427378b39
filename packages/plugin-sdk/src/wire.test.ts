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
  test("keep unknown keys, blocks and events", () => {
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
  ])("read Go's null as an absent key: in a %s", (_what, schema, sent, read) => {
    expect(schema.parse(sent)).toEqual(read);
  });

  test("still report a wrong type", () => {
    const request = { messages: "all", tools: "all", system: 7 };
    expect(check(streamRequestSchema, { ...streamRequest, request }, "params")).toEqual({
      ok: false,
      faults:
        "params.request.messages: expected array; params.request.tools: expected array; params.request.system: expected string",
    });
  });

  test("pass on a malformed tool unchanged, beside the others", () => {
    const tools = [
      { name: "list", input_schema: [{ type: "object" }] },
      { name: "text", description: 7, input_schema: "{}" },
      { input_schema: true },
      "x",
      7,
      null,
      [],
      { name: "good", input_schema: { type: "object" }, extra: 1 },
    ];
    const request = { ...streamRequest, request: { messages: [], tools } };
    expect(streamRequestSchema.parse(request)).toEqual(request);
    const without = { ...streamRequest, request: { messages: [], tools: null } };
    expect(streamRequestSchema.parse(without)).toEqual(without);
  });

  const text = { type: "text", text: "kept" };
  test.each<[what: string, sent: object, read: object]>([
    ["a string in place of a block", { content: ["a", text] }, { content: [{ type: "text", text: "a" }, text] }],
    [
      "a block without a type",
      { content: [{ text: "a", lang: "en" }] },
      { content: [{ type: "text", text: "a", lang: "en" }] },
    ],
    [
      "blocks that are none",
      { content: [text, { type: 3, text: "a" }, { rows: [] }, 4, false, [text], null] },
      {
        content: [
          text,
          { type: "unknown", text: "a" },
          { type: "unknown", rows: [] },
          { type: "unknown", value: 4 },
          { type: "unknown", value: false },
          { type: "unknown", value: [text] },
        ],
      },
    ],
    ["content that is a single text", { content: "a" }, { content: [{ type: "text", text: "a" }] }],
    ["content that is a single block", { content: text }, { content: [text] }],
    ["no content", { structuredContent: { a: 1 } }, { content: [], structuredContent: { a: 1 } }],
    [
      "structured content that is none",
      { content: [text], structuredContent: [1], isError: "true" },
      { content: [text, { type: "unknown", value: 1 }], isError: true },
    ],
    [
      "flags of another kind",
      { content: [text], isError: 0, _meta: { a: 1 } },
      { content: [text], isError: false, _meta: { a: 1 } },
    ],
  ])("keep the whole result of a tool despite %s", (_what, sent, read) => {
    expect(callToolResultSchema.parse(sent)).toEqual(read);
  });

  test("still reject something that is not a result", () => {
    expect(check(callToolResultSchema, "text", "result")).toMatchObject({ ok: false });
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
  ])("name the wrong key: %#", (request, faults) => {
    expect(check(streamRequestSchema, request, "params")).toEqual({ ok: false, faults });
  });

  test("report only the first of many faults", () => {
    const checked = check(streamRequestSchema, requestWith(...Array(8).fill(0)), "params");
    expect(checked).toMatchObject({
      ok: false,
      faults: expect.stringMatching(/content\[4\]: expected object; and 3 more$/),
    });
  });
});
