/**
 * Joins bytes that arrive in pieces. Doubles its capacity as it grows, so the cost per byte is constant on average, however
 * small the pieces are. Joining at each piece would be quadratic.
 */
export class ByteCollector {
  #buffer: Uint8Array = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2, 1024));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    // A call into the runtime costs more than copying a few bytes here.
    if (piece.length < 32) for (let i = 0; i < piece.length; i++) this.#buffer[this.#length + i] = piece[i] as number;
    else this.#buffer.set(piece, this.#length);
    this.#length = needed;
  }

  /** Returns the bytes and starts empty. The returned bytes are never written to again. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = EMPTY;
    this.#length = 0;
    return bytes;
  }
}

const EMPTY = new Uint8Array(0);
