import { type ReadRolloutOptions, readRollout } from "../read/read-rollout.ts";
import type { RolloutEntry } from "../read/rollout-entry.ts";
import type { ToolCall, ToolOutput } from "./tool-call.ts";
import { ToolCallPairer } from "./tool-call-pairer.ts";

export interface PairedToolCall extends ToolCall {
  /** The call's own output, without notifications of a script. Undefined if there is none. */
  readonly output: string | undefined;
  readonly isError: boolean;
  /** Every output line, including notifications. */
  readonly outputs: readonly ToolOutput[];
}

export interface ReadToolCallsOptions extends Omit<ReadRolloutOptions, "direction"> {
  /** See `ToolCallPairer`. */
  readonly nestedCalls?: ReadonlyMap<string, string>;
}

/**
 * Yields the tool calls of a thread with their outputs, in the order in which they were first seen. Holds the calls of one turn in
 * memory.
 *
 * @param source A rollout's path, or entries as `readRollout` yields them forward.
 * @throws RolloutError, RangeError for the same reasons as `readRollout`, if the source is a path.
 */
export async function* readToolCalls(
  source: string | AsyncIterable<RolloutEntry> | Iterable<RolloutEntry>,
  options: ReadToolCallsOptions = {},
): AsyncGenerator<PairedToolCall, void, undefined> {
  const pairer = new ToolCallPairer(options);
  let turn = new Map<ToolCall, ToolOutput[]>();
  let turnId: string | undefined;
  for await (const entry of typeof source === "string" ? readRollout(source, options) : source) {
    for (const event of pairer.write(entry)) {
      if (event.type === "call-started") {
        if (event.call.turnId !== turnId) {
          yield* paired(turn);
          turn = new Map();
          turnId = event.call.turnId;
        }
        turn.set(event.call, []);
      } else if (event.type === "call-output") turn.get(event.call)?.push(event.output);
    }
  }
  yield* paired(turn);
}

function* paired(calls: Map<ToolCall, ToolOutput[]>): Generator<PairedToolCall> {
  for (const [call, outputs] of calls) {
    const own = outputs.findLast((output) => !output.isNotification);
    yield { ...call, output: own?.output, isError: own?.isError ?? false, outputs };
  }
}
