import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSessions } from "./format-sessions.ts";
import type { SessionSummary } from "./session-summary.ts";

const session = (parts: Partial<SessionSummary> = {}): SessionSummary => ({
  sessionId: "0199a213-81c0-7800-8aa1-bbab2a035a53",
  messageCount: 1,
  archived: false,
  compressed: false,
  ...parts,
});

test("a heading, then one line for each session", () => {
  const sessions = [
    session({ updatedAt: "2026-01-02T03:04:05.000Z", cwd: "/home/me/app", lastMessage: "tidy up" }),
    session({ archived: true }),
  ];
  const node = { nodeId: "node-1", displayName: "Studio" };
  expect(formatSessions({ node, sessions, warnings: ["One file could not be read."] })).toBe(
    `Codex sessions on Studio:
- 0199a213-81c0-7800-8aa1-bbab2a035a53 · 2026-01-02T03:04:05.000Z · /home/me/app · tidy up
- 0199a213-81c0-7800-8aa1-bbab2a035a53 · archived
Note: One file could not be read.`,
  );
});

test("nothing to list", () => {
  expect(formatSessions({ sessions: [], warnings: [] })).toBe("No codex sessions on this machine.");
  expect(formatSessions({ node: { nodeId: "node-1" }, sessions: [], warnings: [] })).toBe(
    "No codex sessions on node-1.",
  );
});

test.each([
  ["line breaks", "a\nb\r\nc\u2028d\u2029e\u0085f\vg\fh", "a b c d e f g h"],
  ["a second entry", "done\n- 0199 · forged", "done - 0199 · forged"],
  ["a code fence", "```\n# Title", "｀｀｀ # Title"],
  ["emphasis", "**bold** _it_ ~~no~~", "＊＊bold＊＊ ＿it＿ ～～no～～"],
  ["a link", "[here](https://evil.example)", "［here］(https：//evil.example)"],
  ["HTML", "<b>&lt;</b>", "＜b＞＆lt;＜/b＞"],
  ["mentions", "@everyone <@U123> <!channel>", "＠everyone ＜＠U123＞ ＜!channel＞"],
  ["a table and a spoiler", "||x|| a|b", "｜｜x｜｜ a｜b"],
  ["escapes of its own", "\\*x\\*", "＼＊x＼＊"],
  ["ANSI escapes", "\u001b[31mred\u001b[0m \u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007", "red link"],
  ["other control characters", "a\u0000b\u0007c\u007fd\u009be", "a b c d e"],
  ["overrides of the writing direction", "a\u202eb\u2066c\u200fd\u061ce", "abcde"],
  ["zero-width characters and tags", "a\u200bb\ufeffc\u{e0041}d", "abcd"],
  ["half a character", "a\ud800b", "a\ufffdb"],
])("%s in a message", (_name, lastMessage, shown) => {
  expect(formatSessions({ sessions: [session({ lastMessage })], warnings: [] }).split("\n")).toEqual([
    "Codex sessions on this machine:",
    `- 0199a213-81c0-7800-8aa1-bbab2a035a53 · ${shown}`,
  ]);
});

test("whatever the text, the list stays a list", () => {
  const text = fc.string({ unit: "binary", maxLength: 2000 });
  fc.assert(
    fc.property(text, text, text, text, text, (sessionId, updatedAt, cwd, lastMessage, other) => {
      const shown = formatSessions({
        node: { nodeId: "n", displayName: other },
        sessions: [session({ sessionId, updatedAt, cwd, lastMessage }), session()],
        warnings: [other],
      });
      const lines = shown.split(/[\n\r\v\f\u0085\u2028\u2029]/u);
      expect(lines.map((line) => line.slice(0, 2))).toEqual(["Co", "- ", "- ", "No"]);
      expect(shown).not.toMatch(/[&<>@`*_~|[\]\\]|:\/\/|[^\P{Cc}\n]|\p{Cf}/u);
      expect(shown.isWellFormed()).toBe(true);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(500);
    }),
  );
});

test("a message of a hundred million characters costs no more than its start", () => {
  const lastMessage = "\u200b".repeat(1e8);
  expect(formatSessions({ sessions: [session({ lastMessage })], warnings: [] })).toMatch(/-bbab2a035a53$/);
});
