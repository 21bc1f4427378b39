import { availableParallelism } from "node:os";

/** How long a start may keep others waiting, in milliseconds: it may itself be waiting, for a slow MCP server or login. */
const MAX_HOLD_MS = 1000;

/** The start of a turn. Dispose of it, or call `over`, when the turn runs. */
export interface TurnStart extends Disposable {
  over(): void;
}

/**
 * Lets a few turns start at the same time; the others wait in line. A start needs a CPU for a tenth of a second and more. If
 * fifty share two CPUs, each takes as long as all of them, and this process gets too little time to serve the running turns.
 */
export class StartGate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param limit How many may start at the same time. Default: one more than there are CPUs. */
  constructor(limit = availableParallelism() + 1) {
    this.#free = limit;
  }

  /**
   * Waits until this start may begin. After a second it counts as over in any case.
   * @throws The signal's reason.
   */
  async enter(signal: AbortSignal): Promise<TurnStart> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#inLine(signal);
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      clearTimeout(limit);
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
    const limit = setTimeout(over, MAX_HOLD_MS).unref();
    return { over, [Symbol.dispose]: over };
  }

  #inLine(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(signal.reason);
      };
      this.#waiting.push(begin);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
