import type { RolloutEntry } from "../read/rollout-entry.ts";
import { displayedCall } from "./nested-item.ts";
import { callOf, outputOf, type ToolCall, type ToolOutput } from "./tool-call.ts";

export type ToolCallEvent =
  | { readonly type: "call-started"; readonly call: ToolCall }
  | { readonly type: "call-output"; readonly output: ToolOutput; readonly call: ToolCall }
  /** The turn is over, and no output came: codex shows the model `aborted` on the next turn. */
  | { readonly type: "call-abandoned"; readonly call: ToolCall };

/**
 * Lines in, tool calls out: pairs each call with its outputs as the lines come. Without I/O, so that it serves over
 * `followRollout` while a turn runs as over `readRollout` afterwards.
 *
 * A nested call of code mode is told of by codex only when it is over: both its events come at once. Its `parentCallId` is
 * given where just one script was running, or when `nestedCalls` names it.
 */
export class ToolCallPairer {
  /** Calls whose turn is not over, by id: also those that have an output, as a script may add to it by `notify()`. */
  readonly #calls = new Map<string, { call: ToolCall; answered: boolean }>();
  readonly #nestedCalls: ReadonlyMap<string, string>;
  #turnId: string | undefined;

  /** @param options.nestedCalls By `exec-<uuid>`: the id of the outer response item (`ctc_…`), as `_meta.itemId` tells an MCP server. */
  constructor(options: { readonly nestedCalls?: ReadonlyMap<string, string> } = {}) {
    this.#nestedCalls = options.nestedCalls ?? new Map();
  }

  /** Takes the next line; returns what it tells, in order. */
  write(entry: RolloutEntry): ToolCallEvent[] {
    if (entry.kind !== "line") return [];
    const { line, path, offset } = entry;
    if (line.type === "turn_context") return this.#enterTurn(line.payload.turn_id);
    if (line.type === "event_msg") {
      const event = line.payload;
      if (event.type === "task_started") return this.#enterTurn(event.turn_id);
      if (event.type === "task_complete" || event.type === "turn_aborted") return this.end();
      return this.#nested(entry, displayedCall(event));
    }
    if (line.type !== "response_item") return [];
    const started = callOf(line.payload);
    if (started !== undefined) {
      const { id, namespace } = line.payload;
      const call: ToolCall = {
        ...started,
        itemId: id ?? undefined,
        namespace: namespace ?? undefined,
        turnId: this.#turnId,
        parentCallId: undefined,
        path,
        offset,
      };
      this.#calls.set(call.callId, { call, answered: false });
      return [{ type: "call-started", call }];
    }
    const output = outputOf(line.payload);
    const open = output && this.#calls.get(output.callId);
    if (output === undefined || open === undefined) return [];
    open.answered ||= !output.isNotification;
    return [{ type: "call-output", call: open.call, output: { ...output, isError: false, path, offset } }];
  }

  /** Ends the turn, or the input: returns the calls that no output came for. */
  end(): ToolCallEvent[] {
    const abandoned = [...this.#calls.values()].filter(({ answered }) => !answered);
    this.#calls.clear();
    return abandoned.map(({ call }) => ({ type: "call-abandoned", call }));
  }

  #enterTurn(turnId: string | null | undefined): ToolCallEvent[] {
    if (!turnId || turnId === this.#turnId) return [];
    this.#turnId = turnId;
    return this.end();
  }

  #nested(entry: RolloutEntry, displayed: ReturnType<typeof displayedCall>): ToolCallEvent[] {
    // In direct mode this is a copy of a call that has its own lines.
    if (!displayed?.callId.startsWith("exec-") || this.#calls.has(displayed.callId)) return [];
    const { path, offset } = entry;
    const { output, isError, ...rest } = displayed;
    const call: ToolCall = {
      ...rest,
      itemId: undefined,
      kind: "nested",
      turnId: this.#turnId,
      parentCallId: this.#parentOf(displayed.callId),
      path,
      offset,
    };
    this.#calls.set(call.callId, { call, answered: true });
    const { callId } = call;
    return [
      { type: "call-started", call },
      {
        type: "call-output",
        call,
        output: { callId, output: output ?? "", isNotification: false, isError, path, offset },
      },
    ];
  }

  #parentOf(nestedId: string): string | undefined {
    const itemId = this.#nestedCalls.get(nestedId);
    const scripts = [...this.#calls.values()].filter(({ call, answered }) =>
      itemId === undefined ? call.kind === "custom" && call.name === "exec" && !answered : call.itemId === itemId,
    );
    return scripts.length === 1 ? scripts[0]?.call.callId : undefined;
  }
}
