/** Passes values from a producer to one reader, who iterates once. Calls `onDrained` each time the reader has emptied the queue. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #onDrained: () => void;
  #waiting: T[] = [];
  #isEnded = false;
  #isAbandoned = false;
  #wake: (() => void) | undefined;

  constructor(onDrained: () => void) {
    this.#onDrained = onDrained;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  push(value: T): void {
    if (this.#isAbandoned) return;
    this.#waiting.push(value);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const batch = this.#waiting;
        this.#waiting = [];
        this.#onDrained();
        yield* batch;
        if (this.#waiting.length > 0) continue;
        if (this.#isEnded) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.#isAbandoned = true;
      this.#waiting = [];
      this.#onDrained();
    }
  }
}
