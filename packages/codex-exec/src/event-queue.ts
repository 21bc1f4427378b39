/** Hands values from one who pushes to one who iterates, once. Tells the pusher when it has got too far ahead. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #highWater: number;
  readonly #onDrained: () => void;
  #waiting: T[] = [];
  #isEnded = false;
  #isAbandoned = false;
  #wake: (() => void) | undefined;

  constructor(highWater: number, onDrained: () => void) {
    this.#highWater = highWater;
    this.#onDrained = onDrained;
  }

  get isFull(): boolean {
    return this.#waiting.length >= this.#highWater;
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
        if (batch.length >= this.#highWater) this.#onDrained();
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
