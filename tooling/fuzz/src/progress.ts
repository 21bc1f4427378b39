const HEAD_BYTES = 8;

/** The input that a thread is reading, shared with another thread. */
export class Progress {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  /** @param maxInputBytes Only the beginning of a longer input is shared. */
  static room(maxInputBytes = 16 * 1024 * 1024): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + maxInputBytes);
  }

  constructor(shared: SharedArrayBuffer) {
    this.#head = new Int32Array(shared, 0, 2);
    this.#bytes = new Uint8Array(shared, HEAD_BYTES);
  }

  begins(input: Uint8Array): void {
    const length = Math.min(input.length, this.#bytes.length);
    this.#bytes.set(input.subarray(0, length));
    Atomics.store(this.#head, 1, length);
    Atomics.add(this.#head, 0, 1);
  }

  ends(): void {
    Atomics.add(this.#head, 0, 1);
  }

  /** Odd while an input is being read. */
  get step(): number {
    return Atomics.load(this.#head, 0);
  }

  /** The input that is being read, or was read last. */
  get input(): Buffer {
    return Buffer.from(this.#bytes.slice(0, Atomics.load(this.#head, 1)));
  }
}
