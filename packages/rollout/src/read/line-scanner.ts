import { type ReadableFile, readExactly } from "./open-rollout.ts";

/** Large, since passing a read to another thread takes as long as copying some 100 KB. */
const CHUNK_BYTES = 2 * 1024 * 1024;
/** The caller examines one chunk while the others are read. */
const CHUNKS = 3;
const NEWLINE = 0x0a;
/** How much of a line's beginning `head` can return. */
const MAX_HEAD_BYTES = 512;

/**
 * A cursor over the lines of a file. It parses none of them, so moving over them takes little more time than reading them. The next
 * chunks are read while the caller examines the current one.
 */
export class LineScanner {
  /** The offset of the line's first byte. */
  offset = 0;
  /** The line's length in bytes, without the newline. */
  length = 0;
  /** Whether the line ends in a newline. */
  terminated = true;
  readonly #file: ReadableFile;
  readonly #path: string;
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;
  #isLast = false;
  /** Where the next line begins in the file. */
  #lineStart = 0;
  /** Where the search for the next newline begins in the chunk. */
  #at = 0;
  /** The beginning of the next line, if it is in an earlier chunk. */
  #carried = "";
  /** The same for the current line. */
  #head = "";

  /** @param start The offset at which to begin: a line's first byte. */
  constructor(file: ReadableFile, path: string, start = 0) {
    this.#file = file;
    this.#path = path;
    this.#lineStart = start;
  }

  /**
   * Reads the file up to an offset. Yields for each chunk. Call `next()` until it returns false before you request the next chunk.
   * @throws RolloutError `replaced`
   */
  async *chunks(end: number, signal?: AbortSignal): AsyncGenerator<void, void, undefined> {
    const buffers: Buffer[] = [];
    const first = this.#lineStart;
    const count = Math.ceil((end - first) / CHUNK_BYTES);
    const reads: Promise<Buffer>[] = [];
    let loaded = 0;
    const load = () => {
      const start = first + loaded * CHUNK_BYTES;
      const length = Math.min(CHUNK_BYTES, end - start);
      const place = loaded++ % CHUNKS;
      buffers[place] ??= Buffer.allocUnsafe(length);
      const read = readExactly(this.#file, this.#path, start, length, buffers[place].subarray(0, length));
      // It is awaited below, or dropped when reading ends.
      read.catch(() => {});
      reads.push(read);
    };
    try {
      for (let number = 0; number < count; number++) {
        signal?.throwIfAborted();
        while (loaded < count && reads.length < CHUNKS) load();
        // The previous chunk is no longer needed. Its buffer is reused for a later one.
        this.#chunk = await (reads[0] as Promise<Buffer>);
        reads.shift();
        this.#chunkStart = first + number * CHUNK_BYTES;
        this.#at = 0;
        this.#isLast = number + 1 === count;
        yield;
      }
    } finally {
      // The file must not be closed during a read.
      await Promise.allSettled(reads);
    }
  }

  /** Moves to the next line that ends in this chunk. Returns false if there is none. */
  next(): boolean {
    const chunk = this.#chunk;
    const newline = chunk.indexOf(NEWLINE, this.#at);
    const end = newline === -1 ? chunk.length : newline;
    if (newline === -1 && !(this.#isLast && this.#chunkStart + end > this.#lineStart)) {
      const room = MAX_HEAD_BYTES - this.#carried.length;
      if (room > 0) this.#carried += chunk.toString("latin1", this.#at, Math.min(end, this.#at + room));
      this.#at = end;
      return false;
    }
    this.offset = this.#lineStart;
    this.length = this.#chunkStart + end - this.offset;
    this.terminated = newline !== -1;
    this.#head = this.#carried;
    this.#carried = "";
    this.#at = Math.min(end + 1, chunk.length);
    this.#lineStart = this.#chunkStart + end + 1;
    return true;
  }

  /** Where the line begins in `chunk`; -1 if a part of it is in an earlier one. */
  get from(): number {
    return this.offset < this.#chunkStart ? -1 : this.offset - this.#chunkStart;
  }

  /** The chunk in which the line ends. */
  get chunk(): Buffer {
    return this.#chunk;
  }

  /** Returns the beginning of the line: one character per byte, at most 512. */
  head(bytes: number): string {
    const from = Math.max(0, this.offset - this.#chunkStart);
    const end = this.offset + this.length - this.#chunkStart;
    const room = Math.max(0, bytes - this.#head.length);
    const rest = this.#chunk.toString("latin1", from, Math.min(end, from + room));
    return this.#head === "" ? rest : (this.#head + rest).slice(0, bytes);
  }

  /** Returns the end of the line: one character per byte. It is shorter if a chunk boundary is in between. */
  tail(bytes: number): string {
    const end = this.offset + this.length - this.#chunkStart;
    return this.#chunk.toString("latin1", Math.max(0, this.offset - this.#chunkStart, end - bytes), end);
  }

  /** Returns the line. The bytes are valid until the cursor moves. */
  bytes(): Buffer | Promise<Buffer> {
    const from = this.offset - this.#chunkStart;
    if (from >= 0) return this.#chunk.subarray(from, from + this.length);
    return readExactly(this.#file, this.#path, this.offset, this.length);
  }
}
