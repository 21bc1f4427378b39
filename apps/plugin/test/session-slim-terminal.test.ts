import { readFile } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { SessionsTerminal, sessions, threadWithCalls } from "./sessions-command.ts";

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";

test("on a terminal, consume and restore ask before they write, and only yes means yes", async () => {
  await using thread = await threadWithCalls();
  const { threadId: id } = thread;
  const path = await thread.rollout();
  let content = await readFile(path);
  for (const verb of ["consume", "restore"]) {
    const question =
      verb === "consume" ? `Consume 3 calls of the session ${id}?` : `Restore 3 calls of the session ${id}?`;
    for (const keys of ["n\r", "\r", CTRL_C, CTRL_D]) {
      await using terminal = await SessionsTerminal.start(thread, verb, id);
      await terminal.shows(`${question} [y/N] `);
      expect(await readFile(path)).toEqual(content);
      await terminal.type(keys);
      expect({ keys, exitCode: await terminal.exitCode() }).toEqual({ keys, exitCode: 1 });
      expect(stripVTControlCharacters(terminal.screen)).toMatch(/\nnothing was changed\r\n$/);
      expect(await readFile(path)).toEqual(content);
    }
    await using terminal = await SessionsTerminal.start(thread, verb, id);
    await terminal.shows(`${question} [y/N] `);
    await terminal.type("yes\r");
    expect(await terminal.exitCode()).toBe(0);
    await terminal.shows(verb === "consume" ? "consumed 3 calls" : "restored 3 calls");
    expect(await readFile(path)).not.toEqual(content);
    content = await readFile(path);
  }
  expect(await sessions(thread, "restore", id, "--dry-run")).toMatchObject({ stdout: "nothing to restore\n" });
});

test("on a terminal of 80 columns, every line fits, and has color unless it is JSON", async () => {
  await using thread = await threadWithCalls();
  const { threadId: id } = thread;
  for (const args of [["show", id], ["show", id, "--sort", "tokens"], ["consume", id, "--dry-run"], ["list"]]) {
    await using terminal = await SessionsTerminal.start(thread, ...args);
    expect(await terminal.exitCode()).toBe(0);
    const lines = stripVTControlCharacters(terminal.screen).split(/\r?\n/);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    if (args[0] !== "consume") expect(terminal.screen).toContain("\u001b[");
  }
  await using terminal = await SessionsTerminal.start(thread, "show", id, "--json");
  expect(await terminal.exitCode()).toBe(0);
  expect(terminal.screen).not.toContain("\u001b[");
});
