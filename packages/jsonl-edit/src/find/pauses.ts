import { setImmediate } from "node:timers/promises";

/** Longer than this, nobody else in the process is kept waiting. */
const LONGEST_MS = 8;

/** Lets others in the process run now and then during long work. */
export class Pauses {
  #since = performance.now();

  /** Resolves at once, unless this work has run for some milliseconds without a pause. */
  async pause(): Promise<void> {
    if (performance.now() - this.#since < LONGEST_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
