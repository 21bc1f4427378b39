import type { RolloutEntry } from "../read/rollout-entry.ts";
import { displayedCall, isNestedId } from "./nested-item.ts";
import { callOf, outputOf, type ToolCall, type ToolOutput } from "./tool-call.ts";

export type ToolCallEvent =
  | { readonly type: "call-started"; readonly call: ToolCall }
  | { readonly type: "call-output"; readonly output: ToolOutput; readonly call: ToolCall }
  /** The turn ended without an output. On the next turn, codex shows the model `aborted`. */
  | { readonly type: "call-abandoned"; readonly call: ToolCall };

/**
 * Pairs each tool call with its outputs, line by line. It does no I/O, so it works with `followRollout` while a turn runs
 * and with `readRollout` afterwards.
 *
 * Codex records a nested call of code mode only when it has ended, so both of its events are emitted together. Its
 * `parentCallId` is set if exactly one script was running, or if `nestedCalls` names it.
 */
export class ToolCallPairer {
  /** The calls of the current turn, by id. Includes calls with an output, since a script may add to it by `notify()`. */
  readonly #calls = new Map<string, { call: ToolCall; answered: boolean }>();
  /** The ids of the scripts that are running. One of them may be the parent of a nested call. */
  readonly #scripts = new Set<string>();
  /** The ids of all these calls, by the ids of their items. */
  readonly #byItem = new Map<string, Set<string>>();
  readonly #nestedCalls: ReadonlyMap<string, string>;
  #turnId: string | undefined;

  /** @param options.nestedCalls Maps `exec-<uuid>` to the outer response item's id (`ctc_…`): `_meta.itemId` for an MCP server. */
  constructor(options: { readonly nestedCalls?: ReadonlyMap<string, string> } = {}) {
    this.#nestedCalls = options.nestedCalls ?? new Map();
  }

  /** Takes the next line. Returns its events in order. */
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
      this.#open(call, false);
      return [{ type: "call-started", call }];
    }
    const output = outputOf(line.payload);
    const open = output && this.#calls.get(output.callId);
    if (output === undefined || open === undefined) return [];
    if (!output.isNotification) {
      open.answered = true;
      this.#scripts.delete(output.callId);
    }
    return [{ type: "call-output", call: open.call, output: { ...output, isError: false, path, offset } }];
  }

  /** Ends the turn or the input. Returns an event for each call without an output. */
  end(): ToolCallEvent[] {
    const abandoned = [...this.#calls.values()].filter(({ answered }) => !answered);
    this.#calls.clear();
    this.#scripts.clear();
    this.#byItem.clear();
    return abandoned.map(({ call }) => ({ type: "call-abandoned", call }));
  }

  #enterTurn(turnId: string | null | undefined): ToolCallEvent[] {
    if (!turnId || turnId === this.#turnId) return [];
    this.#turnId = turnId;
    return this.end();
  }

  #nested(entry: RolloutEntry, displayed: ReturnType<typeof displayedCall>): ToolCallEvent[] {
    // In direct mode, this is a copy of a call that also has response items.
    if (displayed === undefined || !isNestedId(displayed.callId) || this.#calls.has(displayed.callId)) return [];
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
    this.#open(call, true);
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

  #open(call: ToolCall, answered: boolean): void {
    const { callId, itemId } = call;
    // A model provider may reuse an id. The later call wins.
    const earlier = this.#calls.get(callId)?.call.itemId;
    if (earlier !== undefined) this.#byItem.get(earlier)?.delete(callId);
    this.#calls.set(callId, { call, answered });
    if (call.kind === "custom" && call.name === "exec" && !answered) this.#scripts.add(callId);
    else this.#scripts.delete(callId);
    if (itemId === undefined) return;
    const ofItem = this.#byItem.get(itemId);
    if (ofItem === undefined) this.#byItem.set(itemId, new Set([callId]));
    else ofItem.add(callId);
  }

  #parentOf(nestedId: string): string | undefined {
    const itemId = this.#nestedCalls.get(nestedId);
    const candidates = itemId === undefined ? this.#scripts : this.#byItem.get(itemId);
    if (candidates?.size !== 1) return undefined;
    const [only] = candidates;
    return only;
  }
}
