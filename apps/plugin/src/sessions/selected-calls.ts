import { type CallRules, selectCalls, type ThreadCall, type ThreadCalls } from "@plexum/rollout";
import { plain } from "../plain.ts";
import { SessionsError } from "./sessions-error.ts";

/**
 * Selects the calls to consume: those named by an id or its beginning, or else all calls that match the rules.
 * @throws SessionsError if a named call does not exist, is ambiguous, or can't be consumed
 */
export function selectedCalls(
  thread: ThreadCalls,
  named: readonly string[],
  rules: Omit<CallRules, "callIds">,
): ThreadCall[] {
  if (named.length === 0) return selectCalls(thread, rules);
  const callIds = new Set(named.map((name) => calledSo(thread, name)));
  const able = new Set(selectCalls(thread, { callIds }).map(({ callId }) => callId));
  const problem = thread.calls.findLast(({ callId }) => callIds.has(callId) && !able.has(callId));
  if (problem !== undefined) throw new SessionsError(`the call ${plain(problem.callId)} ${whyNot(problem)}`);
  return selectCalls(thread, { ...rules, callIds });
}

/** Returns whether each name is a call's id, or the beginning of one. */
export const hasAll = ({ calls }: ThreadCalls, named: readonly string[]): boolean =>
  named.every((name) => calls.some(({ callId }) => callId.startsWith(name)));

function calledSo({ calls }: ThreadCalls, name: string): string {
  const ids = new Set(calls.map(({ callId }) => callId));
  if (ids.has(name)) return name;
  const [id, ...others] = [...ids].filter((one) => name !== "" && one.startsWith(name));
  if (id === undefined) throw new SessionsError(`the session has no call ${JSON.stringify(name)}`);
  if (others.length > 0) {
    const all = [id, ...others].slice(0, 10).join(", ");
    throw new SessionsError(`the ids of ${others.length + 1} calls begin with ${plain(name)}: ${plain(all)}`);
  }
  return id;
}

function whyNot({ state, isInherited, isConsumed }: ThreadCall): string {
  if (isConsumed) return "is consumed already: restore it first to consume it in another way";
  if (state === "compacted") return "is not in the context any more: it was compacted";
  if (state === "rolled-back") return "is not in the context any more: its turn was rolled back";
  return isInherited ? "belongs to the thread that this one was made from: consume it there" : "can't be consumed";
}
