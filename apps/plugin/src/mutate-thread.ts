import { existsSync } from "node:fs";
import { type ConsumeOp, isConsumeOp, type MutateReport, type MutateRequest } from "@plexum/plugin-sdk";
import {
  type CallEdit,
  consumeHeavy,
  consumeLight,
  findRollout,
  type MutationCost,
  mutateRollout,
} from "@plexum/rollout";
import { lockWorkspace, WorkspaceThread } from "@plexum/session-store";
import { ThreadLocks } from "./thread-locks.ts";

export interface MutateOptions {
  readonly codexHome: string;
  readonly nestedCalls: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** The edits write the texts of `CONSUMED_TEXTS`. */
const EDITS: Record<ConsumeOp, (callId: string) => CallEdit> = {
  "consume-light": consumeLight,
  "consume-heavy": consumeHeavy,
};

/** Removes from the workspace's codex thread what the host consumes. It waits for a running turn without a time limit. */
export async function mutateThread(request: MutateRequest, options: MutateOptions): Promise<MutateReport> {
  const { workspace, mutations } = request;
  const { codexHome, nestedCalls, signal } = options;
  const edits = new Map<string, CallEdit>();
  const unknown: MutateReport["skipped"] = [];
  for (const { block_id, op } of mutations) {
    if (isConsumeOp(op)) edits.set(block_id, EDITS[op](block_id));
    else unknown.push({ block_id, reason: `this version of the plugin does not know the operation "${op}"` });
  }
  const report = (
    touched: number,
    missing: readonly string[],
    skipped: MutateReport["skipped"],
    cost: MutationCost = { tokensFreed: 0, tokensUncached: 0 },
  ): MutateReport => ({
    requested: mutations.length,
    touched,
    missing: [...missing],
    skipped: [...unknown, ...skipped],
    // If calls are shorter than their markers, a request may grow by a few tokens.
    tokens_freed: Math.max(0, cost.tokensFreed),
    tokens_uncached: cost.tokensUncached,
  });

  const allMissing = report(0, [...edits.keys()], []);
  // Locking it would create the folder.
  if (edits.size === 0 || !existsSync(workspace)) return allMissing;
  await using thread = await holdThread(workspace, codexHome, signal);
  const rollout = thread && (await findRollout(thread.threadId, { codexHome, signal }));
  if (thread === undefined || rollout === undefined) return allMissing;
  await thread.acquireForRollout(rollout.path);
  const { touched, missing, skipped, cost } = await mutateRollout(rollout.path, edits.values(), {
    codexHome,
    nestedCalls,
    estimate: true,
    signal,
  });
  return report(
    touched.length,
    missing,
    skipped.map(({ callId, message }) => ({ block_id: callId, reason: message })),
    cost,
  );
}

/**
 * Locks the workspace's thread and returns its locks. Returns undefined if there is none. Releases the workspace's lock at once, so that
 * a turn that starts now waits for the thread instead of being refused as a second turn.
 */
async function holdThread(workspace: string, codexHome: string, signal: AbortSignal) {
  const wait = { waitMs: Number.POSITIVE_INFINITY, signal };
  await using _workspaceLock = await lockWorkspace(workspace, wait);
  const { threadId: id } = await new WorkspaceThread(workspace).load();
  return id === undefined ? undefined : ThreadLocks.acquire(codexHome, id, wait);
}
