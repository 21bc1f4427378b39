/**
 * Bytes that arrive in pieces and are wanted whole. Doubles its room as it grows, so that every byte is moved a
 * constant number of times however small the pieces are; joining at each piece would be quadratic.
 */
export class ByteCollector {
  #room: Uint8Array = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#room.length * 2, 1024));
      larger.set(this.#room.subarray(0, this.#length));
      this.#room = larger;
    }
    // A call into the runtime costs more than copying a few bytes here.
    if (piece.length < 32) for (let i = 0; i < piece.length; i++) this.#room[this.#length + i] = piece[i] as number;
    else this.#room.set(piece, this.#length);
    this.#length = needed;
  }

  /** Hands the bytes over and starts empty: what was handed over is never written to again. */
  take(): Uint8Array {
    const bytes = this.#room.subarray(0, this.#length);
    this.#room = EMPTY;
    this.#length = 0;
    return bytes;
  }
}

const EMPTY = new Uint8Array(0);
