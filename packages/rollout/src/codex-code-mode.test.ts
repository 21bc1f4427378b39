import { readFile, stat } from "node:fs/promises";
import { since, testedCodexes } from "@plexum/codex-versions";
import type { CodexInstall } from "@plexum/real-codex";
import { answer, codeModeScript, functionCall, say } from "@plexum/scripted-model";
import { describe, expect, it } from "vitest";
import { consumeHeavy, consumeLight, mutateRollout, type PairedToolCall, readToolCalls } from "./index.ts";
import { AppServer } from "./testing/app-server.ts";
import { CodexThread } from "./testing/codex-thread.ts";
import { collect } from "./testing/collect.ts";

const long = Array.from({ length: 20_000 }, (_, row) => `row ${row} of SECRET-LONG é`).join("\n");
const text = (value: string) => ({ content: [{ type: "text", text: value }] });
const answers = {
  a: text('SECRET-A line 1\nline "two" é'),
  b: text("SECRET-B and some more of it"),
  short: text("ok"),
  long: text(long),
  log: text("an equal line of SECRET-LOG\n".repeat(20_000)),
  structured: {
    content: [{ type: "text", text: "SECRET-S" }],
    structuredContent: { deep: "SECRET-STRUCTURED", list: [1, 2, 3] },
  },
};
const recall = (key: string) => `(await tools.mcp__recall__recall({key:"${key}"}))`;

async function ran(codex: CodexInstall, script: string | string[], more: Parameters<CodexThread["turn"]>[0] = []) {
  const made = await CodexThread.create({ codex, model: "gpt-5.6-sol", answers });
  const scripts = [script].flat().map((one, index) => codeModeScript(one, { callId: `call_outer${index || ""}` }));
  await made.turn([answer(scripts), ...more, say("done")]);
  const path = await made.rollout();
  const calls = await collect(readToolCalls(path));
  const nested = calls.filter((call) => call.kind === "nested");
  return { made, path, calls, nested, ids: nested.map((call) => call.callId) };
}

/** Returns what the model sees of a script on the next turn. */
async function view(made: CodexThread, callId = "call_outer"): Promise<string> {
  await made.turn([say("and on")]);
  return JSON.stringify(made.model.lastRequest.outputsOf(callId));
}

const hasCodeMode = since("0.144.0");

describe.each(testedCodexes().filter(hasCodeMode))("nested calls in code mode of codex $version", (codex) => {
  it("are read with the id that the tool's server saw, with their result and their script", async () => {
    const { made, calls } = await ran(
      codex,
      `text(${recall("a")}.content[0].text); text(${recall("structured")}.content[0].text)`,
    );
    await using _ = made;
    expect(
      calls.map(({ kind, name, output, parentCallId }: PairedToolCall) => [kind, name, output, parentCallId]),
    ).toEqual([
      ["custom", "exec", expect.stringContaining("SECRET-A"), undefined],
      ["nested", "recall", answers.a.content[0]?.text, "call_outer"],
      ["nested", "recall", JSON.stringify(answers.structured.structuredContent), "call_outer"],
    ]);
    expect(calls[1]?.callId).toMatch(/^exec-/);
  });

  it.each([
    ["raw", `text(${recall("a")}.content[0].text)`],
    ["escaped as JSON", `text(JSON.stringify(${recall("a")}))`],
    ["escaped twice", `text(JSON.stringify({ kept: JSON.stringify(${recall("a")}) }))`],
    ["inside a longer text", `text("before " + ${recall("a")}.content[0].text + " after")`],
    ["twice", `const r = ${recall("a")}; text(r.content[0].text); text("again: " + JSON.stringify(r))`],
    ["by notify()", `const r = ${recall("a")}; notify("note: " + r.content[0].text); text(r.content[0].text)`],
  ])("are consumed if the script passed the result on %s", async (_how, script) => {
    const { made, path, ids } = await ran(codex, script);
    await using _ = made;
    const size = (await stat(path)).size;
    const report = await mutateRollout(path, ids.map(consumeLight));
    expect(report).toMatchObject({ mode: "in-place", touched: ids, skipped: [], missing: [] });
    expect((await stat(path)).size).toBe(size);
    const { mtimeNs } = await stat(path, { bigint: true });
    expect(await mutateRollout(path, ids.map(consumeLight))).toMatchObject({
      mode: "unchanged",
      touched: ids,
      bytesFreed: 0,
    });
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(mtimeNs);
    const shown = await view(made);
    expect(shown).toContain("...(consumed)");
    expect(shown).toContain("Script completed");
    expect(shown).not.toContain("SECRET-A");
    if (_how === "inside a longer text") expect(shown).toContain("before ...(consumed) after");
  });

  it("are consumed if codex cut the middle out of record and output", async () => {
    const { made, path, ids } = await ran(codex, [
      `text("before " + ${recall("long")}.content[0].text + " after")`,
      `text(JSON.stringify(${recall("long")}))`,
      `text("before " + ${recall("log")}.content[0].text + " after")`,
    ]);
    await using _ = made;
    expect(await mutateRollout(path, ids.map(consumeLight))).toMatchObject({
      mode: "in-place",
      touched: ids,
      skipped: [],
    });
    const shown = (await view(made)) + (await view(made, "call_outer1"));
    const shownLog = await view(made, "call_outer2");
    for (const one of [shown, shownLog]) expect(one).toContain("before ...(consumed) after");
    expect(shown + shownLog).not.toContain("SECRET");
  });

  it("are replaced with the whole output once all are consumed, if the script changed a result", async () => {
    const script = `const a = ${recall("a")}.content[0].text; const b = ${recall("b")}.content[0].text;
text(a.split("").reverse().join("")); text(b); notify("reversed: " + a.split("").reverse().join(""))`;
    const { made, path, ids } = await ran(codex, script);
    await using _ = made;
    const [a = "", b = ""] = ids;
    const first = await mutateRollout(path, [consumeLight(a)]);
    expect(first).toMatchObject({ touched: [], skipped: [{ callId: a, reason: "changed_by_script" }] });
    expect(await view(made)).toContain("SECRET-B");
    const again = await mutateRollout(path, [consumeLight(a)]);
    expect(again).toMatchObject({ mode: "unchanged", touched: [], skipped: [{ callId: a }] });
    expect(await mutateRollout(path, [consumeLight(b)])).toMatchObject({ touched: [b], skipped: [] });
    expect(await view(made)).toMatch(/A-TERCES/);
    expect(await mutateRollout(path, [consumeLight(a)])).toMatchObject({ touched: [a], skipped: [] });
    const shown = await view(made);
    expect(JSON.parse(shown)).toEqual(["...(consumed)", "...(consumed)"]);
  });

  it("are consumed one by one, but those with equal results only together", async () => {
    const script = `text(${recall("a")}.content[0].text); text(${recall("b")}.content[0].text); text(${recall("b")}.content[0].text)`;
    const { made, path, ids } = await ran(codex, script);
    await using _ = made;
    const [a = "", b1 = "", b2 = ""] = ids;
    expect(await mutateRollout(path, [consumeLight(a)])).toMatchObject({ touched: [a] });
    expect(await view(made)).toMatch(/consumed.*SECRET-B/);
    // Which of the two equal texts belongs to which call can't be determined.
    expect(await mutateRollout(path, [consumeLight(b1)])).toMatchObject({ skipped: [{ reason: "changed_by_script" }] });
    expect(await view(made)).toContain("SECRET-B");
    expect(await mutateRollout(path, [b1, b2].map(consumeLight))).toMatchObject({ touched: [b1, b2], skipped: [] });
    expect(await view(made)).not.toContain("SECRET-B");
  });

  it("keep a short result that may be part of other text, until all are consumed", async () => {
    const { made, path, ids } = await ran(
      codex,
      `const s = ${recall("short")}.content[0].text; text("broken: " + s); ${recall("b")}`,
    );
    await using _ = made;
    expect(await mutateRollout(path, [consumeLight(ids[0] ?? "")])).toMatchObject({
      skipped: [{ reason: "changed_by_script" }],
    });
    expect(await view(made)).toContain("broken: ok");
    expect(await mutateRollout(path, ids.map(consumeLight))).toMatchObject({ skipped: [] });
    expect(JSON.parse(await view(made))).toEqual(["...(consumed)"]);
  });

  it("are consumed in the output of a later script that used the store, and of a script that was waited for", async () => {
    const { made, path, ids } = await ran(
      codex,
      `// @exec: {"yield_time_ms": 10}
const r = ${recall("b")}; store("kept", r); await new Promise((done) => setTimeout(done, 300)); text(r.content[0].text)`,
      [
        answer([functionCall("wait", { cell_id: "1", yield_time_ms: 5_000 }, { callId: "call_wait" })]),
        answer([codeModeScript(`text(load("kept").content[0].text)`, { callId: "call_later" })]),
      ],
    );
    await using _ = made;
    expect(await view(made, "call_wait")).toContain("SECRET-B");
    await mutateRollout(path, ids.map(consumeLight));
    for (const callId of ["call_wait", "call_later"]) expect(await view(made, callId)).not.toContain("SECRET-B");
  });

  it("count as consumed once their script's call is, which is a call like any other", async () => {
    const { made, path, ids } = await ran(
      codex,
      `const r = ${recall("a")}; notify(r.content[0].text); text(r.content[0].text)`,
    );
    await using _ = made;
    expect(await mutateRollout(path, [consumeHeavy("call_outer")])).toMatchObject({
      mode: "in-place",
      touched: ["call_outer"],
    });
    expect(await mutateRollout(path, ids.map(consumeLight))).toMatchObject({ touched: ids, skipped: [] });
    expect(JSON.parse(await view(made))).toEqual(["...(tool called)", "...(tool called)"]);
    expect(made.model.lastRequest.input.find((item) => item.type === "custom_tool_call")).toMatchObject({
      input: "{}",
    });
  });

  it("find their script by a link if two scripts were running", async () => {
    const reversed = `text(${recall("a")}.content[0].text.split("").reverse().join(""))`;
    const { made, path, calls, ids } = await ran(codex, [reversed, reversed]);
    await using _ = made;
    const outer = calls.find((call) => call.callId === "call_outer");
    const [id = ""] = ids;
    const nestedCalls = new Map([[id, outer?.itemId ?? ""]]);
    expect(await mutateRollout(path, [consumeLight(id)], { dryRun: true })).toMatchObject({
      skipped: [{ callId: id }],
    });
    expect(await mutateRollout(path, [consumeLight(id)], { nestedCalls })).toMatchObject({ touched: [id] });
    expect(JSON.parse(await view(made))).toEqual(["...(consumed)"]);
    expect(await view(made, "call_outer1")).toContain("A-TERCES");
  });

  it("leave codex's own history complete", async () => {
    const { made, path, ids } = await ran(
      codex,
      `text(${recall("a")}.content[0].text); text(${recall("structured")}); text((await tools.exec_command({cmd:"echo SECRET-CMD"})).output)`,
    );
    await using _ = made;
    expect(await mutateRollout(path, ids.map(consumeLight), { scrubDisplayCopies: true })).toMatchObject({
      skipped: [],
    });
    await made.turn([say("two")], "second");
    await using server = await AppServer.start(made);
    const { thread } = await server.request("thread/read", { threadId: made.threadId, includeTurns: true });
    expect(thread.turns).toHaveLength(2);
    const { thread: resumed } = await server.request("thread/resume", { threadId: made.threadId });
    expect(resumed.turns).toHaveLength(2);
    expect(await readFile(path, "utf8")).not.toContain("SECRET-A");
  });
});

describe.each(testedCodexes().filter((codex) => !hasCodeMode(codex)))("codex $version", (codex) => {
  it("has no code mode, and gives the model the tools themselves", async () => {
    await using made = await CodexThread.create({ codex, model: "gpt-5.6-sol", answers });
    await made.turn([say("done")]);
    expect(made.model.lastRequest.toolNames).toEqual(expect.arrayContaining(["exec_command", "mcp__recall.recall"]));
    expect(made.model.lastRequest.toolNames).not.toContain("exec");
  });
});
