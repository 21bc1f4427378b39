import { readFile } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { answer, say, shell } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { displayWidth } from "../src/sessions/display-width.ts";
import { SessionsTerminal, sessions, threadWithCalls } from "./sessions-command.ts";

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

test.each([
  ["consume", "Consume 3 calls", "consumed 3 calls"],
  ["restore", "Restore 3 calls", "restored 3 calls"],
])("on a terminal, %s asks before it writes, and only yes means yes", async (verb, question, done) => {
  await using thread = await threadWithCalls();
  const { threadId: id } = thread;
  if (verb === "restore") await sessions(thread, "consume", id, "--yes");
  const path = await thread.rollout();
  const before = await readFile(path);
  for (const keys of ["n\r", CTRL_C, CTRL_D]) {
    await using terminal = await SessionsTerminal.start(thread, verb, id);
    await terminal.shows(`${question} of the session ${id}? [y/N] `);
    expect(await readFile(path)).toEqual(before);
    await terminal.type(keys);
    expect({ keys, exitCode: await terminal.exitCode() }).toEqual({ keys, exitCode: 1 });
    expect(stripVTControlCharacters(terminal.screen)).toMatch(/\nnothing was changed\r\n$/);
    expect(await readFile(path)).toEqual(before);
  }
  await using terminal = await SessionsTerminal.start(thread, verb, id);
  await terminal.shows(`${question} of the session ${id}? [y/N] `);
  await terminal.type("yes\r");
  expect(await terminal.exitCode()).toBe(0);
  await terminal.shows(done);
  expect(await readFile(path)).not.toEqual(before);
});

test("on a terminal of 80 columns, every line fits, and has color unless it is JSON", async () => {
  await using thread = await threadWithCalls();
  const wide = answer([shell(`echo ${"漢字".repeat(60)}`, { callId: "call_wide" })]);
  await thread.turn([wide, say("4")], "漢字 ".repeat(60));
  const { threadId: id } = thread;
  for (const args of [
    ["show", id],
    ["show", id, "--sort", "tokens"],
    ["consume", id, "--dry-run"],
    ["list"],
    ["--help"],
  ]) {
    await using terminal = await SessionsTerminal.start(thread, ...args);
    expect(await terminal.exitCode()).toBe(0);
    const lines = stripVTControlCharacters(terminal.screen).split(/\r?\n/);
    expect(lines.filter((line) => displayWidth(line) > 80)).toEqual([]);
    if (args[0] === "show" || args[0] === "list") expect(terminal.screen).toContain("\u001b[");
  }
  await using terminal = await SessionsTerminal.start(thread, "show", id, "--json");
  expect(await terminal.exitCode()).toBe(0);
  expect(terminal.screen).not.toContain("\u001b[");
});
