import type { ParsedEvent } from "@plexum/codex-jsonl";

/**
 * What happens in a turn: codex's events as `codex exec` words them, whichever way codex is run, and, from a transport
 * that streams, the pieces of a text before the item with the whole text is completed.
 *
 * Whoever ignores the deltas gets every text exactly once, from `item.completed`. Whoever takes them needs only what
 * `TextDeltas` says is still missing then.
 */
export type TurnEvent = ParsedEvent | DeltaEvent;

/** A further piece of an item's text. The item's `item.started` need not come before it. */
export type DeltaEvent =
  /** Of an `agent_message`. */
  | { readonly type: "agent_message.delta"; readonly item_id: string; readonly delta: string; readonly phase?: string }
  /** Of the summary of a `reasoning`. */
  | { readonly type: "reasoning.delta"; readonly item_id: string; readonly delta: string }
  /** Of the output of a `command_execution`. codex leaves out what a command writes first (0.135.0 to 0.169.0). */
  | { readonly type: "command_output.delta"; readonly item_id: string; readonly delta: string };
