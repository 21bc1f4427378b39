import { basename } from "node:path";
import { type DamageReason, parseRolloutName, type RolloutEntry, RolloutError, readRollout } from "@plexum/rollout";

const WORDS: Record<DamageReason, string | undefined> = {
  malformed: "its first line is not JSON",
  "invalid-utf-8": "its first line is not UTF-8",
  "not-an-object": "its first line is not a line of a rollout",
  torn: "its only line is unfinished",
  "nul-bytes": "it begins with zeros, probably after a crash of the machine",
  "byte-order-mark": "it begins with a byte order mark, which an editor adds: remove these three bytes",
  // codex has no limit.
  oversized: undefined,
};

/**
 * Returns why codex can't load a thread from this file; undefined if it can. Checks only the first and the last line (seen in 0.169.0).
 */
export async function whyUnloadable(path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const first = await firstOf(path, "forward", signal);
    if (first === undefined) return "it is empty";
    if (first.kind === "damaged") return WORDS[first.reason];
    const { type, payload, ordinal } = first.line;
    if (type !== "session_meta") return "its first line is not a session_meta";
    const { id } = payload;
    const named = parseRolloutName(basename(path))?.threadId;
    if (named !== undefined && named !== id) return `it contains thread ${id}, but its name says ${named}`;
    const last = await firstOf(path, "backward", signal);
    if (ordinal !== undefined && last?.kind === "line" && last.line.ordinal === undefined)
      return "its last line has no ordinal, so another program wrote it: remove that line";
    return undefined;
  } catch (error) {
    // codex may archive or delete the file at the same time.
    if (RolloutError.isInstance(error) && error.code === "not_found") return undefined;
    throw error;
  }
}

async function firstOf(
  path: string,
  direction: "forward" | "backward",
  signal: AbortSignal,
): Promise<RolloutEntry | undefined> {
  for await (const entry of readRollout(path, { direction, history: false, signal })) return entry;
  return undefined;
}
