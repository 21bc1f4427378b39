import { setImmediate } from "node:timers/promises";

/** The longest time that other work in the process has to wait. */
const LONGEST_MS = 8;

/** Lets other work in the process run now and then during a long task. */
export class Pauses {
  #since = performance.now();

  /** Pauses if the task has run for some milliseconds without a pause. Otherwise resolves at once. */
  async pause(): Promise<void> {
    if (performance.now() - this.#since < LONGEST_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
