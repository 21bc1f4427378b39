import { existsSync } from "node:fs";
import { type ConsumeOp, isConsumeOp, type MutateReport, type MutateRequest } from "@plexum/plugin-sdk";
import {
  type CallEdit,
  consumeHeavy,
  consumeLight,
  findRollout,
  homesOfRollout,
  type MutationCost,
  mutateRollout,
} from "@plexum/rollout";
import { lockThread, lockWorkspace, WorkspaceThread } from "@plexum/session-store";

export interface MutateOptions {
  readonly codexHome: string;
  readonly nestedCalls: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** Their texts are those of `CONSUMED_TEXTS`. */
const EDITS: Record<ConsumeOp, (callId: string) => CallEdit> = {
  "consume-light": consumeLight,
  "consume-heavy": consumeHeavy,
};

/** Makes the workspace's codex thread forget what the host forgets. A turn that runs is waited for, as long as it takes. */
export async function mutateThread(request: MutateRequest, options: MutateOptions): Promise<MutateReport> {
  const { workspace, mutations } = request;
  const { codexHome, nestedCalls, signal } = options;
  const edits = new Map<string, CallEdit>();
  const unknown: MutateReport["skipped"] = [];
  for (const { block_id, op } of mutations) {
    if (isConsumeOp(op)) edits.set(block_id, EDITS[op](block_id));
    else unknown.push({ block_id, reason: `the operation "${op}" is not known to this version of the plugin` });
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
    // Of calls that are shorter than their markers a request may grow by a few.
    tokens_freed: Math.max(0, cost.tokensFreed),
    tokens_uncached: cost.tokensUncached,
  });

  const allMissing = report(0, [...edits.keys()], []);
  // Locking it would make the folder.
  if (edits.size === 0 || !existsSync(workspace)) return allMissing;
  const thread = await holdThread(workspace, codexHome, signal);
  await using _threadLock = thread?.lock;
  const rollout = thread && (await findRollout(thread.id, { codexHome, signal }));
  if (thread === undefined || rollout === undefined) return allMissing;
  await using locks = new AsyncDisposableStack();
  // Of another home that this one's links lead into: a turn there writes to the same file.
  for (const home of homesOfRollout(codexHome, rollout.path).slice(1))
    locks.use(await lockThread(home, thread.id, { waitMs: Number.POSITIVE_INFINITY, signal }));
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
 * The workspace's thread, with its lock; undefined if it has none. The workspace, which a running turn holds, is let go of at
 * once: a turn that comes now waits for the thread, and is not refused as a second one.
 */
async function holdThread(workspace: string, codexHome: string, signal: AbortSignal) {
  const wait = { waitMs: Number.POSITIVE_INFINITY, signal };
  await using _workspaceLock = await lockWorkspace(workspace, wait);
  const { threadId: id } = await new WorkspaceThread(workspace).load();
  return id === undefined ? undefined : { id, lock: await lockThread(codexHome, id, wait) };
}
