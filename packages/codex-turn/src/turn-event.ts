import type { ParsedEvent } from "@plexum/codex-jsonl";

/**
 * An event of a turn: codex's events in the format of `codex exec`, however codex is run. A transport that streams also emits
 * the pieces of a text before it completes the item with the whole text.
 *
 * A consumer that ignores the deltas gets every text exactly once, from `item.completed`. A consumer that uses them also needs
 * the rest that `TextDeltas` returns for `item.completed`.
 */
export type TurnEvent = ParsedEvent | DeltaEvent;

/** The next piece of an item's text. The item's `item.started` does not always precede it. */
export type DeltaEvent =
  /** Of an `agent_message`. */
  | { readonly type: "agent_message.delta"; readonly item_id: string; readonly delta: string; readonly phase?: string }
  /** Of the summary of a `reasoning`. */
  | { readonly type: "reasoning.delta"; readonly item_id: string; readonly delta: string }
  /** Of the output of a `command_execution`. codex leaves out a command's first output (0.135.0 to 0.169.0). */
  | { readonly type: "command_output.delta"; readonly item_id: string; readonly delta: string };
