import type { ThreadCall, ThreadCalls } from "./read-thread-calls.ts";

/** Rules that select calls. A call has to match all that are given. */
export interface CallRules {
  /** The call has one of these ids. A nested call, whose result is in its script's output, is selected only by its id. */
  readonly callIds?: Iterable<string> | undefined;
  /** More turns than this have begun since the call's own. 0 omits the last turn. */
  readonly olderThanTurns?: number | undefined;
  /** Its arguments and output have more tokens than this. */
  readonly largerThanTokens?: number | undefined;
  /** The call is of the tool with this name in the rollout. */
  readonly tool?: string | undefined;
}

/**
 * Returns the calls of a thread that match some rules and are worth consuming, in the thread's order. These are the calls that the
 * model sees, that are the thread's own, that are not consumed yet, and whose id no later call has.
 */
export function selectCalls(
  { calls, turnCount }: Pick<ThreadCalls, "calls" | "turnCount">,
  rules: CallRules = {},
): ThreadCall[] {
  const { olderThanTurns = -1, largerThanTokens = -1, tool } = rules;
  const callIds = rules.callIds && new Set(rules.callIds);
  return calls.filter(
    (call) =>
      call.state === "in-context" &&
      !call.isInherited &&
      !call.isIdReused &&
      !call.isConsumed &&
      (callIds === undefined ? call.kind !== "nested" : callIds.has(call.callId)) &&
      turnCount - call.turn > olderThanTurns &&
      call.tokens > largerThanTokens &&
      (tool === undefined || call.name === tool),
  );
}
