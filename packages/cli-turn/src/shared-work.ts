import { setImmediate } from "node:timers/promises";

/** A job that many callers want done, each after its own call. */
export class SharedWork<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | undefined;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /**
   * Returns the result of a run that begins after this call. One that is already running may have passed what the caller has
   * just changed. All callers that wait for a run to begin share it.
   */
  next(): Promise<T> {
    this.#next ??= this.#run(this.#running);
    return this.#next;
  }

  async #run(before: Promise<unknown>): Promise<T> {
    await before;
    // Callers from the same round of the event loop share a run, too.
    await setImmediate();
    const result = this.#work();
    this.#running = result.then(
      () => {},
      () => {},
    );
    this.#next = undefined;
    return result;
  }
}
