import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import { findRollout } from "@plexum/rollout";
import { say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { assistant, byEachTransport, Harness, turn, user } from "./harness.ts";

type Lines = readonly string[];
const last = (lines: Lines) => lines.length - 1;
const unordered = (lines: Lines, index: number) =>
  lines.with(index, (lines[index] as string).replace(/"ordinal":\d+,/, ""));
/** A line near the middle that is not a user message: codex skips a damaged line, and the model would not see the message. */
const middle = (lines: Lines) => lines.findIndex((line, index) => index >= lines.length >> 1 && !line.includes("moth"));
const half = (lines: Lines, index: number) => lines.with(index, (lines[index] as string).slice(0, 40));

/** Ways to damage a session file, given its lines. */
const DAMAGES: readonly [name: string, damage: (lines: Lines) => Lines | Buffer | "folder"][] = [
  ["a byte order mark", (lines) => lines.with(0, `\ufeff${lines[0]}`)],
  ["no content", () => []],
  ["half a first line", (lines) => half(lines, 0)],
  ["another program's line before the first", (lines) => ["#!/usr/bin/env jq", ...lines]],
  ["half a line in the middle", (lines) => half(lines, middle(lines))],
  ["half a last line", (lines) => half(lines, last(lines))],
  ["a last line without its ordinal", (lines) => unordered(lines, last(lines))],
  ["bytes that are not UTF-8", (lines) => Buffer.concat([Buffer.from(`${lines.join("\n")}\n`), Buffer.of(0xe9, 0x0a)])],
  ["another thread's id", (lines) => lines.with(0, (lines[0] as string).replaceAll(/[0-9a-f]{12}"/g, '00000000beef"'))],
  ["a folder in its place", () => "folder"],
];

async function damageFile(path: string, damage: (lines: Lines) => Lines | Buffer | "folder"): Promise<void> {
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  const damaged = damage(lines);
  if (damaged === "folder") {
    await rm(path);
    await mkdir(path);
  } else {
    await writeFile(path, Buffer.isBuffer(damaged) ? damaged : damaged.map((line) => `${line}\n`).join(""));
  }
}

describe.each(byEachTransport(testedCodexes()))("a damaged thread on codex $version by $transport", (codex) => {
  test("does not block its workspace: codex loads it, or the turn continues in a new thread", async () => {
    await using harness = await Harness.create({ codex, script: () => say("noted") });
    const plugin = await harness.plugin();
    const agentOf = (name: string) => ({ agent_id: "alice", workspace: join(harness.folder, name) });
    for (const [name, damage] of DAMAGES) {
      const agent = agentOf(name);
      const ask = (...messages: Parameters<typeof harness.request>[0] & object) =>
        turn(plugin, harness.request(messages, { agent }));
      await ask(user("the word is moth"));
      const session = join(agent.workspace, ".plexum-codex-session");
      const before = await readFile(session, "utf8");
      const { path } = (await findRollout(before.trim(), { codexHome: harness.home.path })) ?? {};
      await damageFile(path as string, damage);
      const damaged = path as string;

      const seen = harness.model.requests.length;
      const conversation = [user("the word is moth"), assistant("noted"), user("what is the word?")];
      const { end, error } = await ask(...conversation);
      expect({ name, stop: end.stop_reason, error }).toEqual({ name, stop: "end_turn", error: undefined });
      // Once, and with the conversation so far.
      const requests = harness.model.requests.slice(seen);
      expect({ name, requests: requests.length }).toEqual({ name, requests: 1 });
      expect({ name, texts: requests[0]?.userTexts.join("\n") }).toEqual({
        name,
        texts: expect.stringMatching(/moth.*what is the word/s),
      });
      const isFresh = (await readFile(session, "utf8")) !== before;
      const warnings = harness.warnings().filter((warning) => warning.includes("new thread"));
      expect({ name, warnings }).toEqual({ name, warnings: isFresh ? [expect.stringContaining(damaged)] : [] });
      harness.logs.length = 0;
    }
    // From now on, turns work as usual.
    const { end } = await turn(plugin, harness.request("and now?", { agent: agentOf(DAMAGES[0]?.[0] as string) }));
    // codex has no metadata for the scripted model, and may warn about it.
    const warnings = harness.warnings().filter((warning) => !warning.includes("Model metadata"));
    expect({ stop: end.stop_reason, warnings }).toEqual({ stop: "end_turn", warnings: [] });
  });
});
