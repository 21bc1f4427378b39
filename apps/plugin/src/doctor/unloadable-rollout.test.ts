import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, onTestFinished, test } from "vitest";
import { whyUnloadable } from "./unloadable-rollout.ts";

const ID = "019b7c9d-dd0d-7000-8000-000000000000";
const meta = (payload: object = {}) => line("session_meta", { id: ID, ...payload }, 0);
const line = (type: string, payload: object, ordinal?: number) =>
  `${JSON.stringify({ timestamp: "2026-01-02T03:04:05.000Z", ...(ordinal === undefined ? {} : { ordinal }), type, payload })}\n`;
const message = (ordinal?: number) => line("response_item", { type: "message", role: "user", content: [] }, ordinal);

test.each<[name: string, content: string | Buffer, says: RegExp | undefined]>([
  ["whole", meta() + message(1), undefined],
  ["of an old codex, without ordinals", line("session_meta", { id: ID }) + message(), undefined],
  ["with a first line of 3 MB", meta({ base_instructions: { text: "x".repeat(3e6) } }) + message(1), undefined],
  ["with an unfinished last line", `${meta()}${message(1)}{"timesta`, undefined],
  ["with only its first line", meta(), undefined],
  ["empty", "", /empty/],
  ["with only blank lines", "\n\n", /empty/],
  ["with a byte order mark", `\ufeff${meta()}`, /byte order mark/],
  ["with half a first line", `${meta().slice(0, 40)}\n${message(1)}`, /not JSON/],
  ["that begins with zeros", Buffer.alloc(512), /zeros/],
  ["without its first line", message(1), /not a session_meta/],
  ["without an id", line("session_meta", { id: 7 }), /not a session_meta/],
  ["of another thread", meta({ id: ID.replace("8000", "8001") }) + message(1), /8001.*its name says/],
  ["to which another program added a line", meta() + message(1) + message(), /no ordinal/],
])("a rollout %s", async (_name, content, says) => {
  const folder = await mkdtemp(join(tmpdir(), "plexum-rollout-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, `rollout-2026-01-02T03-04-05-${ID}.jsonl`);
  await writeFile(path, content);
  const why = await whyUnloadable(path, new AbortController().signal);
  if (says === undefined) expect(why).toBeUndefined();
  else expect(why).toMatch(says);
});

test("a rollout that no longer exists is not a fault", async () => {
  expect(
    await whyUnloadable(join(import.meta.dirname, "rollout-gone.jsonl"), new AbortController().signal),
  ).toBeUndefined();
});
