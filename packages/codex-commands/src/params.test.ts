import fc from "fast-check";
import { expect, test } from "vitest";
import { CodexCommandsError } from "./errors.ts";
import { checkListParams, checkResumeParams, parseParams } from "./params.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const resume = (params: object) => checkResumeParams({ sessionId: ID, prompt: "continue", ...params });

test.each([undefined, null, "", "  ", "{}"])("%j means no parameters", (text) => {
  expect(parseParams(text)).toEqual({});
});

test.each(["{", "nonsense", "[]", "[1]", "null", "1", '"text"', "{}{}"])("%s is refused", (text) => {
  expect(() => parseParams(text)).toThrow(/^The parameters (are not JSON: .+|must be a JSON object\.)/);
});

test.each([
  [undefined, 10],
  [null, 10],
  [0, 1],
  [-1, 1],
  [1e9, 50],
  [Number.POSITIVE_INFINITY, 50],
  ["5", 5],
  [7.9, 7],
  [50, 50],
])("limit %j means %d", (limit, expected) => {
  expect(checkListParams({ limit }).limit).toBe(expected);
});

test.each([Number.NaN, "many", "", true, [], {}])("limit %j is refused", (limit) => {
  expect(() => checkListParams({ limit })).toThrow('"limit" must be a number.');
});

test("a filter is text: trimmed, not a pattern, and of limited length", () => {
  expect(checkListParams({ filter: "  .*[(  " }).filter).toBe(".*[(");
  expect(checkListParams({ filter: "   " }).filter).toBeUndefined();
  expect(checkListParams({ filter: null }).filter).toBeUndefined();
  expect(() => checkListParams({ filter: "x".repeat(2 ** 20) })).toThrow('"filter" must be at most 1000 characters');
  expect(() => checkListParams({ filter: 5 })).toThrow('"filter" must be text.');
});

test("archived is true, false or unset", () => {
  expect([true, false, null, undefined].map((archived) => checkListParams({ archived }).archived)).toEqual([
    true,
    false,
    undefined,
    undefined,
  ]);
  expect(() => checkListParams({ archived: "yes" })).toThrow('"archived" must be true or false.');
});

test.each(["../../etc/passwd", "a b", `${ID}\n`, "", "x".repeat(129), "$(id)", "a;b", "ü", null, undefined, 5, [ID]])(
  "session id %j is refused",
  (sessionId) => {
    expect(() => resume({ sessionId })).toThrow(/^"sessionId" must be the id of a codex session/);
  },
);

test.each(["", "  \n\t", null, undefined, 5])("prompt %j is refused", (prompt) => {
  expect(() => resume({ prompt })).toThrow(/^"prompt" must (not be empty|be text)/);
});

test("a prompt is not changed", () => {
  expect(resume({ prompt: "  --help\n" }).prompt).toBe("  --help\n");
});

test.each([
  [undefined, 1_200_000],
  [null, 1_200_000],
  [Number.POSITIVE_INFINITY, 3_600_000],
  [1e12, 3_600_000],
  [5000, 5000],
  ["5000", 5000],
])("timeoutMs %j means %d", (timeoutMs, expected) => {
  expect(resume({ timeoutMs }).timeoutMs).toBe(expected);
});

test.each([0, -1, "0"])("timeoutMs %j is refused", (timeoutMs) => {
  expect(() => resume({ timeoutMs })).toThrow('"timeoutMs" must be more than 0 milliseconds.');
});

test.each([
  ["agentId", "research"],
  ["agentId", null],
  ["sourceHomeId", ""],
  ["sourceHomeId", { id: 1 }],
])("%s %j is refused, not ignored", (key, value) => {
  expect(() => resume({ [key]: value })).toThrow(`"${key}" is not supported: this node resumes sessions of one`);
  expect(resume({ [key]: undefined })).toEqual(resume({}));
});

test("all faults are reported at once", () => {
  expect(() => checkResumeParams({})).toThrow(/"sessionId".*; "prompt"/);
});

test("any input is accepted or refused, without a crash", () => {
  const anything = fc.oneof(
    fc.json(),
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify({ limit: value })),
  );
  fc.assert(
    fc.property(anything, fc.anything(), (text, value) => {
      for (const attempt of [
        () => checkListParams(parseParams(text)),
        () => checkResumeParams(parseParams(text)),
        () => checkListParams({ limit: value, filter: value, archived: value }),
        () => resume({ timeoutMs: value, cwd: value }),
      ]) {
        try {
          attempt();
        } catch (error) {
          expect(CodexCommandsError.isInstance(error) && error.code).toBe("invalid_params");
        }
      }
    }),
  );
});
