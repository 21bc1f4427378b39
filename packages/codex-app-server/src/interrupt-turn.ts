import { setTimeout as delay } from "node:timers/promises";
import type { AppServer } from "./app-server.ts";
import { METHODS } from "./wire.ts";

/** The delay before an interrupt is repeated, in milliseconds, while codex refuses it. */
const INTERRUPT_AGAIN_MS = 5;

export interface TurnToInterrupt {
  /** Returns the ids of the thread and the turn; undefined until both are known. */
  readonly ids: () => { readonly threadId: string; readonly turnId: string } | undefined;
  readonly isOver: () => boolean;
  /** Resolves when codex has reported the end of the turn. */
  readonly over: Promise<unknown>;
  /** How long the turn may take to end, in milliseconds. */
  readonly graceMs: number;
}

/**
 * Interrupts a turn, and ends its process if the turn does not end in time. Repeats the interrupt until codex accepts it: codex
 * refuses to interrupt a turn before its start, and then runs the turn.
 */
export async function interruptTurn(server: AppServer, { ids, isOver, over, graceMs }: TurnToInterrupt): Promise<void> {
  // Look first: once codex is gone, nothing links a command that cleared its environment to the turn.
  await server.rememberProcesses();
  const giveUp = delay(graceMs, "too late", { ref: false });
  let isTooLate = false;
  void giveUp.then(() => {
    isTooLate = true;
  });
  while (!isTooLate && !isOver()) {
    const params = ids();
    if (params !== undefined) {
      const asked = server.request(METHODS.interrupt, params).then(
        () => true,
        () => false,
      );
      if ((await Promise.race([asked, giveUp])) === true) break;
    }
    await delay(INTERRUPT_AGAIN_MS);
  }
  const settled = await Promise.race([over.then(() => "over"), giveUp]);
  // End the process and everything it started, whatever it is busy with.
  if (settled === "too late" && !isOver()) await server.end({ isHasty: true });
}
