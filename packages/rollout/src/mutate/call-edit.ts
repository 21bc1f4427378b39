/** What a call should look like to the model from now on. Omitted values stay unchanged. */
export interface CallEdit {
  /** Codex's own id: `call_…`, or `exec-<uuid>` for a call from inside a script of code mode. */
  readonly callId: string;
  /** The new output. It replaces every output of the call. A tool search's output has no text, and becomes empty. */
  readonly output?: string;
  /**
   * The new arguments: JSON text for a function (not checked), raw text for a custom call. A local shell call's command becomes
   * empty, and so do the arguments of a tool search if they are not a JSON object. The arguments of a nested call are in the outer
   * call's script, which is not edited.
   */
  readonly arguments?: string;
}

/** What a light consumption writes in place of an output. */
const CONSUMED = "...(consumed)";
/** What a heavy one writes. */
export const TOOL_CALLED = "...(tool called)";

/** What a consumption may write. */
export const MARKERS: readonly string[] = [CONSUMED, TOOL_CALLED];

/** Returns an edit that replaces the output. The model still sees the tool's name and the arguments. */
export const consumeLight = (callId: string): CallEdit => ({ callId, output: CONSUMED });

/** Returns an edit that replaces the output and the arguments. The model still sees the tool's name. */
export const consumeHeavy = (callId: string): CallEdit => ({ callId, output: TOOL_CALLED, arguments: "{}" });

/** Returns true for the marker that a consumption writes in place of an output. */
export const isConsumedOutput = (output: string): boolean => MARKERS.includes(output);
