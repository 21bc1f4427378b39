/** The place of a line: which of a history's files it is in, and where. */
export interface LinePlace {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

export interface TableCall {
  /** The position of its line, as `TurnTracker` counts. */
  readonly at: number;
  /** The index of its turn; -1 for none. */
  readonly turn: number;
  /** See `hashOf`. */
  readonly idHash: number;
  readonly isNested: boolean;
}

/** The calls of a thread and the places of their lines, without text. Takes some 80 bytes per call: there may be hundreds of thousands. */
export class CallTable {
  readonly #calls = new Rows(7);
  readonly #outputs = new Rows(4);

  get count(): number {
    return this.#calls.count;
  }

  /** Adds a call. Returns its number. */
  addCall({ segment, offset, length }: LinePlace, { at, turn, idHash, isNested }: TableCall, tokens: number): number {
    const { row, block, start } = this.#calls.add();
    block[start] = segment * 2 + Number(isNested);
    block[start + 1] = offset;
    block[start + 2] = length;
    block[start + 3] = at;
    block[start + 4] = turn;
    block[start + 5] = tokens;
    block[start + 6] = idHash;
    return row;
  }

  addOutput(call: number, { segment, offset, length }: LinePlace, tokens: number): void {
    const { block, start } = this.#outputs.add();
    block[start] = call;
    block[start + 1] = segment;
    block[start + 2] = offset;
    block[start + 3] = length;
    this.#calls.set(call, 5, this.tokens(call) + tokens);
  }

  at = (call: number): number => this.#calls.get(call, 3);
  turn = (call: number): number => this.#calls.get(call, 4);
  /** Estimated from the lengths of its lines. */
  tokens = (call: number): number => this.#calls.get(call, 5);
  /** The hash of its id. Calls with different ids may have the same hash. */
  idHash = (call: number): number => this.#calls.get(call, 6);
  isNested = (call: number): boolean => this.#calls.get(call, 0) % 2 === 1;

  place(call: number): LinePlace {
    const segment = Math.floor(this.#calls.get(call, 0) / 2);
    return { segment, offset: this.#calls.get(call, 1), length: this.#calls.get(call, 2) };
  }

  /** Yields the places of the outputs of some calls, in order. */
  *outputsOf(calls: ReadonlySet<number>): Generator<{ call: number; place: LinePlace }> {
    for (let row = 0; row < this.#outputs.count; row++) {
      const call = this.#outputs.get(row, 0);
      if (!calls.has(call)) continue;
      const [segment, offset, length] = [1, 2, 3].map((column) => this.#outputs.get(row, column));
      yield { call, place: { segment, offset, length } as LinePlace };
    }
  }
}

const ROWS_PER_BLOCK = 4096;

/** Rows of numbers, without an object for each. */
class Rows {
  count = 0;
  readonly #width: number;
  readonly #blocks: Float64Array[] = [];

  constructor(width: number) {
    this.#width = width;
  }

  /** Adds a row of zeros. Returns where its numbers are stored. */
  add(): { row: number; block: Float64Array; start: number } {
    const row = this.count++;
    if (row % ROWS_PER_BLOCK === 0) this.#blocks.push(new Float64Array(ROWS_PER_BLOCK * this.#width));
    return { row, block: this.#block(row), start: (row % ROWS_PER_BLOCK) * this.#width };
  }

  get(row: number, column: number): number {
    return this.#block(row)[(row % ROWS_PER_BLOCK) * this.#width + column] as number;
  }

  set(row: number, column: number, value: number): void {
    this.#block(row)[(row % ROWS_PER_BLOCK) * this.#width + column] = value;
  }

  #block(row: number): Float64Array {
    return this.#blocks[Math.floor(row / ROWS_PER_BLOCK)] as Float64Array;
  }
}

/** Returns the FNV-1a hash of a text, truncated to 30 bits: a small integer for V8. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 2;
}
