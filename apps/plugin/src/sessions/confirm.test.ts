import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { confirm } from "./confirm.ts";
import { SessionsError } from "./sessions-error.ts";

/** The two ends of a terminal: what the user types, and what the user sees. */
function terminal({ isInputTerminal = true, isOutputTerminal = true } = {}) {
  const input = Object.assign(new PassThrough(), { isTTY: isInputTerminal });
  const output = Object.assign(new PassThrough(), { isTTY: isOutputTerminal });
  return { input, output };
}

test.each([
  ["y\r", true],
  ["YES\r", true],
  [" yes \r", true],
  ["n\r", false],
  ["\r", false],
  ["yesterday\r", false],
  ["\u0003", false],
  ["y\u0003", false],
  ["\u0004", false],
])("the answer %j means %j", async (typed, expected) => {
  const streams = terminal();
  const answer = confirm("Consume 2 calls?", false, streams);
  streams.input.write(typed);
  expect(await answer).toBe(expected);
  expect(String(streams.output.read())).toContain("Consume 2 calls? [y/N] ");
});

test("the end of the input means no", async () => {
  const streams = terminal();
  const answer = confirm("Consume?", false, streams);
  streams.input.end();
  expect(await answer).toBe(false);
});

test("with --yes there is no question; without a terminal it is an error", async () => {
  const streams = terminal({ isInputTerminal: false });
  expect(await confirm("Consume?", true, streams)).toBe(true);
  expect(streams.output.read()).toBeNull();
  for (const part of [{ isInputTerminal: false }, { isOutputTerminal: false }])
    await expect(confirm("Consume?", false, terminal(part))).rejects.toThrow(SessionsError);
});
