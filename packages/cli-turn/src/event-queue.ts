/** Hands values from one who pushes to one who iterates, once. Tells the pusher each time the other has taken all there was. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #onTaken: () => void;
  #waiting: T[] = [];
  #isEnded = false;
  #isAbandoned = false;
  #wake: (() => void) | undefined;

  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
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
        this.#onTaken();
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
      this.#onTaken();
    }
  }
}
