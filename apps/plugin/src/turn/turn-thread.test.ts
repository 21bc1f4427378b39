import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockThread, WorkspaceThread } from "@plexum/session-store";
import { expect, onTestFinished, test } from "vitest";
import { TurnThread } from "./turn-thread.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const ROLLOUT = `rollout-2025-10-01T12-00-00-${ID}.jsonl`;

/** Creates a codex home with these files, by name and content, in the folder of that day. */
async function codexHomeWith(files: Record<string, string>): Promise<string> {
  const codexHome = await mkdtemp(join(tmpdir(), "turn-thread-"));
  onTestFinished(() => rm(codexHome, { recursive: true }));
  const day = join(codexHome, "sessions/2025/10/01");
  await mkdir(day, { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(day, name), content);
  return codexHome;
}

const open = (codexHome: string, signal = new AbortController().signal) =>
  TurnThread.open(codexHome, new WorkspaceThread(codexHome), ID, signal);

test("a thread that can't be opened is left to codex, and is locked like any other", async () => {
  const codexHome = await codexHomeWith({ [`${ROLLOUT}.zst`]: "not compressed" });
  {
    await using thread = await open(codexHome);
    expect(thread.usageBefore).toBeUndefined();
    await expect(lockThread(codexHome, ID)).rejects.toMatchObject({ code: "busy" });
  }
  await using _lock = await lockThread(codexHome, ID);
});

test("a turn that is canceled while it waits for another machine's mutation reports only the cancellation", async () => {
  const sidecar = `.plexum-${createHash("sha256").update(ROLLOUT).digest("hex").slice(0, 16)}`;
  const elsewhere = { pid: 1, started: "", host: "elsewhere", boot: "", namespace: "", nonce: "a" };
  const files = { [ROLLOUT]: "", [`${sidecar}.redo`]: "", [`${sidecar}.lock`]: JSON.stringify(elsewhere) };
  const codexHome = await codexHomeWith(files);
  const cancel = new AbortController();
  const reason = new Error("changed my mind");
  setTimeout(() => cancel.abort(reason), 100);
  await expect(open(codexHome, cancel.signal)).rejects.toBe(reason);
  await using _lock = await lockThread(codexHome, ID);
});
