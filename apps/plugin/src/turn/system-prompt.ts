import { createHash } from "node:crypto";
import { lstat, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RolloutEntry, readRollout } from "@plexum/rollout";
import type { TurnThread } from "./turn-thread.ts";

/** The name under which codex shows the host's system prompt to the model: `<plexum_system>…</plexum_system>`. */
const KEY = "plexum_system";

/** The file in the workspace, beside the thread's id, that records the last system prompt and its thread. */
const FILE = ".plexum-codex-system";

/** Far more than is ever written there. */
const MAX_FILE_BYTES = 4096;

/** What was passed to the model last. */
interface Passed {
  readonly threadId: string;
  readonly sha256: string;
  /** The offset in bytes from which the rollout has not been searched yet. */
  readonly from: number;
  /** Whether the prompt was found before that offset. */
  readonly isSeen: boolean;
}

/**
 * Passes the host's system prompt to the model once: in the first turn of a thread, and again when the prompt changes or
 * a compaction removes it. codex itself repeats the prompt only while the thread stays loaded, which it does not (0.135.0
 * to 0.169.0). A file records which prompt was passed. The rollout shows whether the model still sees it.
 */
export class SystemPrompt {
  readonly #path: string;
  readonly #value: string;
  /** The record to write when the turn has started. */
  #next: Omit<Passed, "threadId"> | undefined;

  private constructor(workspace: string, value: string) {
    this.#path = join(workspace, FILE);
    this.#value = value;
  }

  /**
   * @param system The host's system prompt in this turn's request.
   * @param thread The thread that the turn is about to continue.
   */
  static async of(
    workspace: string,
    system: string | null | undefined,
    thread: TurnThread,
  ): Promise<{ readonly prompt: SystemPrompt; readonly context: { key: string; value: string } | undefined }> {
    const prompt = new SystemPrompt(workspace, system ?? "");
    return { prompt, context: (await prompt.#mustBePassed(thread)) ? { key: KEY, value: prompt.#value } : undefined };
  }

  /** Records the prompt that was passed, when the turn has started in this thread. */
  async started(threadId: string): Promise<void> {
    if (this.#next === undefined) return;
    const given: Passed = { threadId, ...this.#next };
    this.#next = undefined;
    const temporary = `${this.#path}.new`;
    await rm(temporary, { force: true });
    await writeFile(temporary, `${JSON.stringify(given)}\n`, { mode: 0o600, flag: "wx" });
    await rename(temporary, this.#path);
  }

  async #mustBePassed(thread: TurnThread): Promise<boolean> {
    const sha256 = createHash("sha256").update(this.#value).digest("hex");
    const { rollout, sizeBefore, threadId } = thread;
    const given = await this.#read();
    const isOfThread = given !== undefined && threadId !== undefined && given.threadId === threadId;
    if (!isOfThread && this.#value === "") return false;
    const isInView =
      isOfThread &&
      given.sha256 === sha256 &&
      rollout !== undefined &&
      (await isStillInView(rollout, sizeBefore, given));
    this.#next = { sha256, from: sizeBefore, isSeen: isInView };
    return !isInView;
  }

  async #read(): Promise<Passed | undefined> {
    try {
      const found = await lstat(this.#path);
      if (!found.isFile() || found.size > MAX_FILE_BYTES) return undefined;
      const { threadId, sha256, from, isSeen } = JSON.parse(await readFile(this.#path, "utf8"));
      return typeof from === "number" ? { threadId, sha256, from, isSeen: isSeen === true } : undefined;
    } catch {
      // Missing or damaged: pass the prompt again.
      return undefined;
    }
  }
}

/** Reads what codex has recorded since: the prompt itself, and what may have removed it again. */
async function isStillInView(rollout: string, size: number, { from, isSeen }: Passed): Promise<boolean> {
  // The rollout has been replaced.
  if (from > size) return false;
  let isInView = isSeen;
  try {
    for await (const entry of readRollout(rollout, { from, history: false })) isInView = viewAfter(entry, isInView);
  } catch {
    return false;
  }
  return isInView;
}

function viewAfter(entry: RolloutEntry, isInView: boolean): boolean {
  if (entry.kind !== "line") return isInView;
  const { type, payload } = entry.line;
  const names = (value: unknown) => (JSON.stringify(value) ?? "").includes(`<${KEY}>`);
  // 0.153 to 0.156 also record the history that was summarized (`guardian_history`), which the model does not see.
  if (type === "compacted") return names(payload.replacement_history);
  if (type === "event_msg" && payload.type === "thread_rolled_back") return false;
  if (type !== "response_item") return isInView;
  const { role } = payload as { role?: unknown };
  return isInView || (role === "developer" && names(payload));
}
