import { expect, test } from "vitest";
import type { Message } from "../wire.ts";
import { withConversationSoFar } from "./conversation-so-far.ts";

const MAX_CHARACTERS = 1_000_000;
const limits = { maxCharacters: MAX_CHARACTERS };

const said = (role: Message["role"], text: string): Message => ({ role, content: [{ type: "text", text }] });

test("is only the prompt if there are no earlier messages", () => {
  expect(withConversationSoFar([said("user", "now")], "now", limits)).toBe("now");
});

test("names the speaker of each message, and includes calls and their results", () => {
  const messages: Message[] = [
    said("user", "look"),
    {
      role: "assistant",
      content: [
        { type: "text", text: "I look" },
        { type: "tool_use", id: "1", name: "read", input: { path: "a" } },
        { type: "thinking", text: "not to be shown" },
      ],
    },
    {
      role: "tool",
      content: [{ type: "tool_result", tool_use_id: "1", content: [{ type: "text", text: "found" }], is_error: true }],
    },
    said("user", "and now?"),
  ];
  const prompt = withConversationSoFar(messages, "and now?", limits);
  expect(prompt).toContain(
    'User: look\n\nAssistant: I look\n[called read with {"path":"a"}]\n\nTool: [result (an error): found]',
  );
  expect(prompt).toMatch(/\n\nand now\?$/);
  expect(prompt).not.toContain("not to be shown");
});

test("includes the reason for the model", () => {
  const messages = [said("user", "before"), said("user", "now")];
  expect(withConversationSoFar(messages, "now", limits)).toMatch(
    /^Your own record of this conversation is lost\. This/,
  );
  expect(withConversationSoFar(messages, "now", { ...limits, reason: "It rained." })).toMatch(/^It rained\. This/);
});

test("omits the oldest messages when not all fit, with a note", () => {
  const long = "x".repeat(400_000);
  const messages = [
    said("user", `first ${long}`),
    said("assistant", `second ${long}`),
    said("user", `third ${long}`),
    said("user", "now"),
  ];
  const prompt = withConversationSoFar(messages, "now", limits);
  expect(prompt.length).toBeLessThanOrEqual(MAX_CHARACTERS);
  expect(prompt).toContain("Earlier messages are left out");
  expect(prompt).not.toContain("first x");
  expect(prompt).toContain("second x");
  expect(prompt).toContain("third x");
});

test.each([
  ["all of it", "x".repeat(MAX_CHARACTERS)],
  ["nearly all of it", "x".repeat(MAX_CHARACTERS - 50)],
  ["all of it, in characters of two units", "😀".repeat(MAX_CHARACTERS)],
])("is only the prompt if that leaves no room: it takes %s", (_name, prompt) => {
  // Compared by hand, so that a difference does not print a text of that size.
  expect(withConversationSoFar([said("user", "before"), said("user", prompt)], prompt, limits) === prompt).toBe(true);
});
