import { stat } from "node:fs/promises";
import { readRollout } from "@plexum/rollout";

export interface RecordedEnd {
  readonly status: "completed" | "interrupted";
  /** The last thing the assistant said in the turn, as codex recorded it. */
  readonly lastMessage: string | undefined;
}

/** Looks for the end of a turn in what was added to the thread's rollout since the last check. */
export class RolloutEnd {
  readonly #path: string;
  readonly #turnId: string;
  #seenBytes = 0;

  constructor(path: string, turnId: string) {
    this.#path = path;
    this.#turnId = turnId;
  }

  /** Reads what was added. `hasGrown`: codex has recorded something since the last check. An unreadable rollout counts as empty. */
  async check(): Promise<{ readonly hasGrown: boolean; readonly end: RecordedEnd | undefined }> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    const from = this.#seenBytes;
    if (size <= from) return { hasGrown: false, end: undefined };
    this.#seenBytes = size;
    // On the first check the whole file is new. Its last lines are enough, since the turn is the last one.
    return { hasGrown: from > 0, end: await this.#find(from).catch(() => undefined) };
  }

  async #find(from: number): Promise<RecordedEnd | undefined> {
    for await (const { kind, offset, ...entry } of readRollout(this.#path, { direction: "backward", history: false })) {
      if (offset < from) return undefined;
      if (kind !== "line" || !("line" in entry)) continue;
      const { type, payload } = entry.line;
      if (type === "turn_context") return undefined;
      if (type !== "event_msg") continue;
      const { type: event, turn_id, last_agent_message } = payload as Record<string, unknown>;
      if (turn_id !== this.#turnId) continue;
      if (event === "task_started") return undefined;
      if (event === "turn_aborted") return { status: "interrupted", lastMessage: undefined };
      if (event === "task_complete") {
        return {
          status: "completed",
          lastMessage: typeof last_agent_message === "string" ? last_agent_message : undefined,
        };
      }
    }
    return undefined;
  }
}
