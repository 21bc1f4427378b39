import { expect, test } from "vitest";
import { type Check, type Outcome, ok } from "./check.ts";
import { Context } from "./context.ts";
import { findingsJson, findingText, summaryText } from "./report.ts";
import { type Finding, runChecks } from "./run-checks.ts";

const TEXTS = { meaning: "It is broken.", remedy: "Repair it." };

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

test("a check that throws or hangs becomes a finding, and the next check still runs", async () => {
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
    check("works", () => ok("fine")),
  ]);
  expect(found).toEqual([
    { id: "throws", status: "error", title: "gone", detail: "codex said so", ...TEXTS },
    { id: "hangs", status: "error", title: expect.stringContaining("within 0.03 seconds"), ...TEXTS },
    { id: "works", status: "ok", title: "fine" },
  ]);
  expect(aborted).toHaveLength(1);
});

test("when the doctor is stopped, the running check finishes and no other starts", async () => {
  const stop = new AbortController();
  const finishes = check("finishes", async (_context, signal) => {
    stop.abort();
    await new Promise((resolve) => setTimeout(resolve, 10));
    return ok(signal.aborted ? "aborted" : "not aborted");
  });
  expect(await findings([finishes, check("next", () => ok("ran"))], false, stop.signal)).toEqual([
    { id: "finishes", status: "ok", title: "aborted" },
  ]);
});

test("--fix repairs, and then repeats the check", async () => {
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

test("foreign text can't control the terminal", () => {
  const finding: Finding = { id: "x", status: "error", title: EVIL, detail: `${EVIL}\n${EVIL}`, meaning: EVIL };
  const text = findingText(finding, { color: false });
  expect(text.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  const json = findingsJson([finding]);
  expect(json.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(JSON.parse(json)).toEqual({ ok: false, findings: [finding] });
});

test("only the status has a color", () => {
  expect(findingText({ id: "x", status: "ok", title: "fine" }, { color: true })).toMatch(
    /^\u001b\[32mok {5}\u001b\[0m {2}x +fine\n$/,
  );
});

test("the summary counts the findings", () => {
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
