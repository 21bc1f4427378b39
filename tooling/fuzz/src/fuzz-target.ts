/** One input, and how it is split for the reader. */
export interface FuzzInput {
  readonly bytes: Buffer;
  /** The lengths of the input's chunks, used repeatedly; empty for one chunk. */
  readonly chunkLengths: readonly number[];
}

/** A reader of outside data. */
export interface FuzzTarget {
  /** Also the name of the folder in `corpus/` with its seeds and the inputs that broke it. */
  readonly name: string;
  /** The target whose seeds are used, if it is another one. */
  readonly seedsOf?: string;
  /** Reads an input. Throws if the reader breaks a promise, and for every undocumented error of the reader. */
  run(input: FuzzInput): Promise<void> | void;
  /** True if one run costs a file or more: fewer of them run in the tests. */
  readonly isSlow?: boolean;
}

/** Returns the input in its chunks. */
export function* chunksOf({ bytes, chunkLengths }: FuzzInput): Generator<Buffer> {
  if (chunkLengths.length === 0) {
    yield bytes;
    return;
  }
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const length = chunkLengths[index % chunkLengths.length] as number;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/** @throws Error if a required condition does not hold. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}
