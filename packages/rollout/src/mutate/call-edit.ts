/** What a call should look like to the model from now on. Omitted values stay unchanged. */
export interface CallEdit {
  /** Codex's own id: `call_…`, or `exec-<uuid>` for a call from inside a script of code mode. */
  readonly callId: string;
  /** The new output, in place of every output of the call. A tool search's output has no text: it becomes empty. */
  readonly output?: string;
  /**
   * The new arguments: JSON text for a function (not checked), raw text for a custom call. A local shell call's command and
   * the arguments of a tool search that are not a JSON object become empty. Of a nested call they stand in the outer call's
   * script, which is left alone.
   */
  readonly arguments?: string;
}

const CONSUMED = "...(consumed)";
const TOOL_CALLED = "...(tool called)";

/** Replaces the output; the model still sees the tool's name and the arguments. */
export const consumeLight = (callId: string): CallEdit => ({ callId, output: CONSUMED });

/** Replaces the output and the arguments. */
export const consumeHeavy = (callId: string): CallEdit => ({ callId, output: TOOL_CALLED, arguments: "{}" });

/** Returns true for the marker that a consumption writes in place of an output. */
export const isConsumedOutput = (output: string): boolean => output === CONSUMED || output === TOOL_CALLED;
