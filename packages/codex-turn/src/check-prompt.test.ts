import { expect, test } from "vitest";
import { checkPrompt, MAX_PROMPT_CHARACTERS } from "./check-prompt.ts";

test("a prompt is sent verbatim", () => {
  for (const text of ["--version", "help", "\n\nlate", "a\u2028b\u0085c", "👩‍👩‍👧", " x "]) {
    expect(checkPrompt(text)).toEqual({ text, removedNuls: 0 });
  }
});

test("NUL is removed and counted; a lone surrogate becomes U+FFFD", () => {
  expect(checkPrompt("a\0b\0")).toEqual({ text: "ab", removedNuls: 2 });
  expect(checkPrompt("a\ud800b").text).toBe("a\ufffdb");
});

test.each(["", " \n\t", "\0"])("%j is empty", (prompt) => {
  expect(() => checkPrompt(prompt)).toThrow(expect.objectContaining({ code: "prompt_empty" }));
});

test("the limit counts code points", () => {
  expect(checkPrompt("x".repeat(MAX_PROMPT_CHARACTERS)).text).toHaveLength(MAX_PROMPT_CHARACTERS);
  expect(checkPrompt("🙂".repeat(MAX_PROMPT_CHARACTERS)).text).toHaveLength(2 * MAX_PROMPT_CHARACTERS);
  for (const character of ["x", "🙂"]) {
    const prompt = character.repeat(MAX_PROMPT_CHARACTERS + 1);
    expect(() => checkPrompt(prompt)).toThrow(expect.objectContaining({ code: "prompt_too_long" }));
  }
});
