/** One input, and how it reaches the reader. */
export interface FuzzInput {
  readonly bytes: Buffer;
  /** The lengths of the chunks that the input comes in, over and over; none: in one chunk. */
  readonly chunkLengths: readonly number[];
}

/** Something that reads what others wrote. */
export interface FuzzTarget {
  /** Also the folder in `corpus/` of its seeds, and of the inputs that broke it. */
  readonly name: string;
  /** The target whose seeds are taken, if it is another one. */
  readonly seedsOf?: string;
  /** Reads an input. It throws if the reader does what it must not, and for every error that the reader does not announce. */
  run(input: FuzzInput): Promise<void> | void;
  /** True if one run costs a file or more: fewer of them run in the tests. */
  readonly isSlow?: boolean;
}

/** The input in its chunks. */
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

/** @throws Error if something does not hold that has to. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}
