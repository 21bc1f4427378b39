import { DEFAULT_TIMEOUT_MS } from "@plexum/codex-exec";
import type { MutateReport, MutateRequest } from "@plexum/plugin-sdk";
import { type CallEdit, consumeHeavy, consumeLight, findRollout, mutateRollout } from "@plexum/rollout";
import { lockThread, lockWorkspace, WorkspaceThread } from "@plexum/session-store";

export interface MutateOptions {
  readonly codexHome: string;
  readonly nestedCalls: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

const EDITS: Record<string, (callId: string) => CallEdit> = {
  "consume-light": consumeLight,
  "consume-heavy": consumeHeavy,
};

/** Makes the workspace's codex thread forget what the host forgets. A turn that runs is waited for. */
export async function mutateThread(request: MutateRequest, options: MutateOptions): Promise<MutateReport> {
  const { workspace, mutations } = request;
  const { codexHome, nestedCalls, signal } = options;
  const edits = new Map<string, CallEdit>();
  const unknown: MutateReport["skipped"] = [];
  for (const { block_id, op } of mutations) {
    const edit = Object.hasOwn(EDITS, op) ? EDITS[op] : undefined;
    if (edit === undefined)
      unknown.push({ block_id, reason: `the operation "${op}" is not known to this version of the plugin` });
    else edits.set(block_id, edit(block_id));
  }
  const report = (touched: number, missing: readonly string[], skipped: MutateReport["skipped"]): MutateReport => ({
    requested: mutations.length,
    touched,
    missing: [...missing],
    skipped: [...unknown, ...skipped],
  });

  const wait = { waitMs: DEFAULT_TIMEOUT_MS, signal };
  await using _workspaceLock = await lockWorkspace(workspace, wait);
  const { threadId } = await new WorkspaceThread(workspace).load();
  if (threadId === undefined || edits.size === 0) return report(0, [...edits.keys()], []);
  await using _threadLock = await lockThread(codexHome, threadId, wait);
  const rollout = await findRollout(threadId, { codexHome, signal });
  if (rollout === undefined) return report(0, [...edits.keys()], []);
  const { touched, missing, skipped } = await mutateRollout(rollout.path, edits.values(), {
    codexHome,
    nestedCalls,
    signal,
  });
  return report(
    touched.length,
    missing,
    skipped.map(({ callId, message }) => ({ block_id: callId, reason: message })),
  );
}
