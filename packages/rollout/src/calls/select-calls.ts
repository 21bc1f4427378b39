import type { ThreadCall, ThreadCalls } from "./read-thread-calls.ts";

/** What a call must be to be selected: all that is given. */
export interface CallRules {
  /** It is one of these. A nested call, whose result stands in its script's output, is selected by its id only. */
  readonly callIds?: Iterable<string> | undefined;
  /** More turns have begun since its own than this: 0 leaves out the last turn. */
  readonly olderThanTurns?: number | undefined;
  /** Its arguments and output take more tokens than this. */
  readonly largerThanTokens?: number | undefined;
  /** It is a call of this tool, by its name in the rollout. */
  readonly tool?: string | undefined;
}

/**
 * Selects the calls of a thread whose consumption frees something: the model sees them, they are the thread's own, and they have not
 * been consumed. Returns them in the thread's order.
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
      !call.isConsumed &&
      (callIds === undefined ? call.kind !== "nested" : callIds.has(call.callId)) &&
      turnCount - call.turn > olderThanTurns &&
      call.tokens > largerThanTokens &&
      (tool === undefined || call.name === tool),
  );
}
