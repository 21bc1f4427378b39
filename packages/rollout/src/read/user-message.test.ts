import { describe, expect, it } from "vitest";
import { messagesKeptBy, userMessageOf } from "./user-message.ts";

const part = (text: string) => ({ type: "input_text", text });
const image = { type: "input_image", image_url: "data:image/png;base64,AAAA" };
const item = (content: object[], kinds?: string[]) => ({
  type: "response_item",
  payload: {
    type: "message",
    role: "user",
    content,
    ...(kinds && { internal_chat_message_metadata_passthrough: { content_item_kinds: kinds } }),
  },
});
const event = (message: string, more: object = {}) => ({
  type: "event_msg",
  payload: { type: "user_message", message, ...more },
});
const completed = (...texts: string[]) => ({
  type: "event_msg",
  payload: {
    type: "item_completed",
    item: { type: "UserMessage", content: texts.map((text) => ({ type: "text", text })) },
  },
});
const ownText = (line: unknown) => userMessageOf(line)?.text.trim();

describe("the user's text", () => {
  const looksInjected = [
    "<environment_context>is that tag from you?</environment_context>",
    "# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nquoted\n</INSTRUCTIONS>",
    "<goal_context>x</goal_context>",
    "<turn_aborted>",
  ];
  it.each(looksInjected)("is decided by codex's label, whatever the text looks like: %j", (text) => {
    expect(ownText(event(text))).toBe(text);
    expect(ownText(event(text, { kind: "plain" }))).toBe(text);
    expect(ownText(completed(text))).toBe(text);
    expect(ownText(item([part(text)], ["user.text"]))).toBe(text);
    expect(ownText(item([part("plain")], ["environment_context"]))).toBeUndefined();
    expect(ownText(event("plain", { kind: "environment_context" }))).toBeUndefined();
  });

  it.each([
    ["<environment_context> is missing in my logs, why?"],
    ["# AGENTS.md instructions are unclear to me"],
    ["<user_instructions>what is that for?"],
    ["<div>mine</div>"],
    ["<goal_context>x</goal_context> and why?"],
    ["<a>x</a>\n<b_c>y</b_c>"],
    ["fix <turn_aborted>this</turn_aborted>"],
  ])("is kept in an item without a label if it only begins like codex's own text: %j", (text) => {
    expect(ownText(item([part(text)]))).toBe(text);
    expect(ownText(item([part(text)], ["unknown"]))).toBe(text);
  });

  it.each([
    ["<environment_context>\n  <cwd>/x</cwd>\n</environment_context>"],
    ["# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nx\n</INSTRUCTIONS>"],
    ["<permissions instructions>\nx\n</permissions instructions>"],
    ["<skill>x</skill>"],
    ["<some_later_context version=2>x</some_later_context>"],
    ["<hook_context>x</hook_context>\n\n<goal_context>y</goal_context>"],
    ["\n<user_shell_command>\nls\n</user_shell_command>\n"],
  ])("does not include text that has codex's form from end to end: %j", (text) => {
    expect(userMessageOf(item([part(text)]))).toBeUndefined();
    expect(ownText(item([part(text), part("mine")]))).toBe("mine");
  });

  it.each([
    ["# Context from my IDE setup:\n\n## Active file: src/pay.ts\n\n## My request for Codex:\nadd a retry\n"],
    ["# Files mentioned by the user:\n\n## a.png: /tmp/a.png\n\n## My request for Codex: \nadd a retry"],
    ["\n# Open browser tabs:\n- https://example.test\n## My request for Codex:\nadd a retry"],
    ["<response-annotations>[]</response-annotations>\n\n## My request for Codex:\nadd a retry"],
    ["## My request for Codex:\nadd a retry"],
    ['# Files:\n\n## My request for Codex:\nadd a retry\n<image name=[Image #1] path="C:\\a.png">\n</image>'],
  ])("follows a client's frame: %j", (text) => {
    for (const line of [event(text), completed(text), item([part(text)])]) expect(ownText(line)).toBe("add a retry");
  });

  it("is complete if it quotes the heading of a frame", () => {
    const text = "what does\n## My request for Codex:\nmean in my logs?";
    expect(ownText(event(text))).toBe(text);
    expect(ownText(event("# Notes\n## My request for more tests\nplease"))).toBe(
      "# Notes\n## My request for more tests\nplease",
    );
  });

  it("does not include the tags around an image", () => {
    const content = [part('<image name=[Image #1] path="/tmp/a.png">'), image, part("</image>"), part("look")];
    expect(ownText(item(content))).toBe("look");
    expect(ownText(item(content, ["user.image_tag", "user.image", "user.image_tag", "user.text"]))).toBe("look");
    expect(ownText(item([part("<image name=[Image #1]>"), image, part("</image>")]))).toBe("");
    expect(ownText(event("why is <image></image> empty?"))).toBe("why is <image></image> empty?");
  });

  it.each([
    undefined,
    null,
    5,
    [],
    {},
    { type: "event_msg" },
    { type: "event_msg", payload: { type: "user_message" } },
    { type: "response_item", payload: { type: "message", role: "assistant", content: [part("x")] } },
    { type: "response_item", payload: { type: "message", role: "user" } },
  ])("is absent in %j", (line) => expect(userMessageOf(line)).toBeUndefined());
});

describe("the messages that a compaction keeps", () => {
  it("are the user's, without the summary and codex's own texts", () => {
    const history = [item([part("one")]), item([part("<environment_context>x</environment_context>")])].map(
      ({ payload }) => payload,
    );
    const compacted = (replacement_history: unknown) => ({
      type: "compacted",
      payload: { message: "Summary: x", replacement_history },
    });
    expect(messagesKeptBy(compacted([...history, item([part("Summary: x")]).payload]))).toEqual([
      { source: "item", text: "one" },
    ]);
    expect(messagesKeptBy(compacted(null))).toBeUndefined();
    expect(messagesKeptBy(event("x"))).toBeUndefined();
  });
});
