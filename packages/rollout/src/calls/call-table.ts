/** The place of a line: which of a history's files it is in, and where. */
export interface LinePlace {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** The calls of a thread and the places of their lines, without text. Takes some 50 bytes per call: there may be hundreds of thousands. */
export class CallTable {
  readonly #calls = new Rows(8);
  readonly #outputs = new Rows(5);
  readonly #strays = new Rows(5);

  get count(): number {
    return this.#calls.count;
  }

  /**
   * Adds a call. Returns its number.
   * @param at The position of its line, as `TurnTracker` counts.
   * @param turn The index of its turn; -1 for none.
   * @param idHash See `hashOf`.
   */
  addCall(
    segment: number,
    offset: number,
    length: number,
    at: number,
    turn: number,
    tokens: number,
    idHash: number,
    isNested: boolean,
  ): number {
    const row = addPlaced(this.#calls, idHash, segment, offset, length);
    this.#calls.set(row, 5, at);
    this.#calls.set(row, 6, turn + 1);
    this.#calls.set(row, 7, tokens * 2 + Number(isNested));
    return row;
  }

  addOutput(call: number, segment: number, offset: number, length: number, tokens: number): void {
    addPlaced(this.#outputs, call, segment, offset, length);
    this.#calls.set(call, 7, this.#calls.get(call, 7) + tokens * 2);
  }

  /** Sets a call's tokens to 0: its arguments and outputs so far were consumed. */
  clearTokens(call: number): void {
    this.#calls.set(call, 7, this.#calls.get(call, 7) % 2);
  }

  /** Adds a line that names a call, but is not an output of a call of the current turn. */
  addStray(idHash: number, segment: number, offset: number, length: number): void {
    addPlaced(this.#strays, idHash, segment, offset, length);
  }

  /** The hash of its id. Calls with different ids may have the same hash. */
  idHash = (call: number): number => this.#calls.get(call, 0);
  at = (call: number): number => this.#calls.get(call, 5);
  turn = (call: number): number => this.#calls.get(call, 6) - 1;
  /** Estimated from the lengths of its lines. */
  tokens = (call: number): number => this.#calls.get(call, 7) >>> 1;
  isNested = (call: number): boolean => this.#calls.get(call, 7) % 2 === 1;
  place = (call: number): LinePlace => placeIn(this.#calls, call);

  /** Yields the places of the outputs of some calls, in order. */
  *outputsOf(calls: ReadonlySet<number>): Generator<{ call: number; place: LinePlace }> {
    const isWanted = new Uint8Array(this.count);
    for (const call of calls) isWanted[call] = 1;
    for (let row = 0; row < this.#outputs.count; row++) {
      const call = this.#outputs.get(row, 0);
      if (isWanted[call] === 1) yield { call, place: placeIn(this.#outputs, row) };
    }
  }

  /** Yields the places of all lines that name some calls, by the hashes of their ids. Includes other calls with the same hash. */
  *linesNaming(idHashes: ReadonlySet<number>): Generator<{ idHash: number; place: LinePlace }> {
    const wanted = new Set<number>();
    for (let call = 0; call < this.count; call++) {
      const idHash = this.idHash(call);
      // A nested call has no line of its own.
      if (this.isNested(call) || !idHashes.has(idHash)) continue;
      wanted.add(call);
      yield { idHash, place: this.place(call) };
    }
    for (const { call, place } of this.outputsOf(wanted)) yield { idHash: this.idHash(call), place };
    for (let row = 0; row < this.#strays.count; row++) {
      const idHash = this.#strays.get(row, 0);
      if (idHashes.has(idHash)) yield { idHash, place: placeIn(this.#strays, row) };
    }
  }
}

/** An offset is stored as two numbers: the bits above 32, and the rest. */
const HIGH = 2 ** 32;

/** Adds a row that begins with a key and the place of a line. Returns its number. */
function addPlaced(rows: Rows, key: number, segment: number, offset: number, length: number): number {
  const row = rows.add();
  const block = rows.block(row);
  const start = rows.startOf(row);
  block[start] = key;
  block[start + 1] = segment;
  block[start + 2] = offset / HIGH;
  block[start + 3] = offset;
  block[start + 4] = length;
  return row;
}

const placeIn = (rows: Rows, row: number): LinePlace => ({
  segment: rows.get(row, 1),
  offset: rows.get(row, 2) * HIGH + rows.get(row, 3),
  length: rows.get(row, 4),
});

/** Rows per block are a power of two, so that division is a shift. */
const BLOCK_BITS = 12;
const ROWS_PER_BLOCK = 1 << BLOCK_BITS;
const ROW_MASK = ROWS_PER_BLOCK - 1;

/** Rows of integers below 2^32, without an object for each row. */
class Rows {
  count = 0;
  readonly #width: number;
  readonly #blocks: Uint32Array[] = [];

  constructor(width: number) {
    this.#width = width;
  }

  /** Adds a row of zeros. Returns its number. */
  add(): number {
    const row = this.count++;
    if ((row & ROW_MASK) === 0) this.#blocks.push(new Uint32Array(ROWS_PER_BLOCK * this.#width));
    return row;
  }

  get(row: number, column: number): number {
    return this.block(row)[this.startOf(row) + column] as number;
  }

  set(row: number, column: number, value: number): void {
    this.block(row)[this.startOf(row) + column] = value;
  }

  block(row: number): Uint32Array {
    return this.#blocks[row >>> BLOCK_BITS] as Uint32Array;
  }

  /** Returns where a row begins in its block. */
  startOf(row: number): number {
    return (row & ROW_MASK) * this.#width;
  }
}

/** Returns the FNV-1a hash of a text, truncated to 30 bits: a small integer for V8. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 2;
}
