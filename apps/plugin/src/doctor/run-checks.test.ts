import { expect, test } from "vitest";
import { type Check, type Outcome, ok } from "./check.ts";
import { Context } from "./context.ts";
import { findingsJson, findingText, summaryText } from "./report.ts";
import { type Finding, runChecks } from "./run-checks.ts";

const TEXTS = { meaning: "It is not as it should be.", remedy: "Repair it." };

async function findings(
  checks: readonly Check[],
  fix = false,
  stopped = new AbortController().signal,
): Promise<Finding[]> {
  const found: Finding[] = [];
  for await (const finding of runChecks(checks, new Context({}), { fix, stopped })) found.push(finding);
  return found;
}

const check = (id: string, run: Check["run"], more: Partial<Check> = {}): Check => ({ id, run, ...TEXTS, ...more });

test("a check that throws, or hangs, is a finding, and the next is made all the same", async () => {
  const aborted: unknown[] = [];
  const found = await findings([
    check("throws", () => {
      throw Object.assign(new Error("gone"), { detail: "codex said so" });
    }),
    check(
      "hangs",
      (_context, signal) =>
        new Promise(() => {
          signal.addEventListener("abort", () => aborted.push(signal.reason));
        }),
      { timeoutMs: 30 },
    ),
    check("works", () => ok("well")),
  ]);
  expect(found).toEqual([
    { id: "throws", status: "error", title: "gone", detail: "codex said so", ...TEXTS },
    { id: "hangs", status: "error", title: expect.stringContaining("within 0.03 seconds"), ...TEXTS },
    { id: "works", status: "ok", title: "well" },
  ]);
  expect(aborted).toHaveLength(1);
});

test("when it is stopped, the check that runs winds up, and no other is made", async () => {
  const stop = new AbortController();
  const windsUp = check("winds up", async (_context, signal) => {
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 10));
    return ok(signal.aborted ? "told" : "not told");
  });
  expect(await findings([windsUp, check("next", () => ok("made"))], false, stop.signal)).toEqual([
    { id: "winds up", status: "ok", title: "told" },
  ]);
});

test("a fix is made when asked for, and the check once more", async () => {
  let isBroken = true;
  const fix = async () => {
    isBroken = false;
    return "Done.";
  };
  const broken = check("broken", () => (isBroken ? { status: "error", title: "broken", fix } : ok("whole")));
  expect(await findings([broken])).toEqual([
    { id: "broken", status: "error", title: "broken", ...TEXTS, fixable: true },
  ]);
  expect(isBroken).toBe(true);
  expect(await findings([broken], true)).toEqual([
    { id: "broken", status: "ok", title: "whole", detail: "Done.", fixed: true },
  ]);
});

test("a fix that fails, hangs or does not help leaves the finding", async () => {
  const outcome = (fix: Outcome["fix"]): Outcome => ({ status: "warning", title: "broken", fix });
  const found = await findings(
    [
      check("fails", () => outcome(() => Promise.reject(new Error("no right to")))),
      check("hangs", () => outcome(() => new Promise(() => {})), { timeoutMs: 30 }),
      check("helps-not", () => outcome(async () => "Tried.")),
    ],
    true,
  );
  const common = { status: "warning", title: "broken", fixable: true };
  expect(found).toMatchObject([
    { ...common, detail: "Not repaired: no right to" },
    { ...common, detail: expect.stringMatching(/^Not repaired: .*within/) },
    { ...common, detail: "Tried." },
  ]);
  expect(found.some(({ fixed }) => fixed)).toBe(false);
});

const EVIL = "a\u001b[31m\nb\u009b2J\u202ec\u200fd\u{e0001}";

test("text from elsewhere stays text", () => {
  const finding: Finding = { id: "x", status: "error", title: EVIL, detail: `${EVIL}\n${EVIL}`, meaning: EVIL };
  const text = findingText(finding, { color: false });
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  const json = findingsJson([finding]);
  expect(json.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual({ ok: false, findings: [finding] });
});

test("in color, the status alone", () => {
  expect(findingText({ id: "x", status: "ok", title: "well" }, { color: true })).toMatch(
    /^\u001b\[32mok {5}\u001b\[0m {2}x +well\n$/,
  );
});

test("the summary counts", () => {
  const one = (status: Finding["status"], more: Partial<Finding> = {}): Finding => ({
    id: "x",
    status,
    title: "",
    ...more,
  });
  expect(summaryText([one("ok"), one("error", { fixable: true }), one("ok", { fixed: true })])).toBe(
    "3 checked: 2 ok, 0 warnings, 1 error; 1 fixed; --fix repairs 1\n",
  );
});
