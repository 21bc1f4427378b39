import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { testedCodexes } from "@plexum/codex-versions";
import type { ConnectedPlugin } from "@plexum/plugin-sdk";
import { say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn } from "./harness.ts";

/** Enough that codex indexes them for some 0.4 s, and few enough that a busy machine does it within the 5 s it has after a cancellation. */
const SESSIONS = 400;

/** What ends a turn while codex indexes the sessions. */
const ENDINGS: [name: string, end: (plugin: ConnectedPlugin, cancel: AbortController) => unknown][] = [
  ["the turn is cancelled", (_plugin, cancel) => cancel.abort(new Error("cancelled"))],
  ["the plugin ends", (plugin) => plugin.close()],
];

describe.each(byEachTransport(testedCodexes()))("codex $version by $transport, new to a CODEX_HOME", (codex) => {
  test.each(ENDINGS)(
    "finishes the index of the sessions when %s, so no later codex waits for it",
    async (_name, end) => {
      await using harness = await Harness.create({ codex, script: () => say("here") });
      await addSessions(harness.home.path);
      const plugin = await harness.plugin();
      const cancel = new AbortController();
      const first = Promise.allSettled([turn(plugin, harness.request("first"), { signal: cancel.signal })]);
      await eventually("codex is indexing", async () => (await indexState(harness.home.path)) === "running");
      await end(plugin, cancel);
      await first;
      // Also ends the codex that the cancelled turn was waiting for.
      await plugin.close();
      expect(await turn(await harness.plugin(), harness.request("second"))).toMatchObject({
        text: "here",
        error: undefined,
      });
      expect(await indexState(harness.home.path)).toBe("complete");
    },
  );
});

async function addSessions(home: string): Promise<void> {
  const folder = join(home, "sessions", "2026", "01", "02");
  await mkdir(folder, { recursive: true });
  const timestamp = "2026-01-02T03:04:05.000Z";
  for (let i = 0; i < SESSIONS; i++) {
    const id = `019b7c9d-dd0d-7000-8000-${String(i).padStart(12, "0")}`;
    const meta = { id, timestamp, cwd: home, originator: "codex_exec", cli_version: "0.135.0", source: "exec" };
    const lines = [
      { timestamp, type: "session_meta", payload: meta },
      { timestamp, type: "event_msg", payload: { type: "user_message", message: "hello" } },
    ];
    const path = join(folder, `rollout-2026-01-02T03-04-05-${id}.jsonl`);
    await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
}

/** Returns what codex's database says about the index of the sessions: "running", later "complete"; undefined before. */
async function indexState(home: string): Promise<unknown> {
  const name = (await readdir(home)).find((file) => /^state_\d+\.sqlite$/.test(file));
  if (name === undefined) return undefined;
  try {
    using database = new DatabaseSync(join(home, name), { readOnly: true });
    return database.prepare("SELECT status FROM backfill_state").get()?.status;
  } catch {
    // codex has not created the table yet.
    return undefined;
  }
}
