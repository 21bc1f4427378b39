/** The place of an id in some bytes, as a JSON string. */
export interface IdMatch {
  /** The offset of the string's opening quotation mark. */
  readonly at: number;
  readonly id: string;
}

const QUOTE = 0x22;
/** The length of a common prefix. It must be rare enough in a file: `"call_` is. */
const PREFIX_BYTES = 6;
/** With more different prefixes, it is cheaper to look at every quotation mark once than to search for each prefix. */
const MAX_PREFIXES = 6;

/** The ids whose strings begin with one segment. */
interface Segment {
  /** The id whose string is exactly the segment. */
  id?: string;
  /** Longer strings, by their length and then by their bytes. */
  readonly longer: Map<number, Map<string, string>>;
}

/**
 * Finds many ids in one pass. The time depends on the number of bytes, and hardly on the number of ids.
 *
 * An id as a JSON string begins with a quotation mark. Its segment, the bytes up to the next quotation mark, is looked up in a map.
 * Only an id with an escaped quotation mark is longer than its segment. Bytes are compared as Latin-1 strings, one character per
 * byte.
 */
export class IdMatcher {
  /** The length of the longest id as a JSON string, in bytes. */
  readonly longest: number;
  readonly #segments = new Map<string, Segment>();
  /** Has a 1 at each length that a segment has. */
  readonly #lengths: Uint8Array;
  readonly #prefixes: ReadonlySet<string>;
  readonly #only: { readonly id: string; readonly needle: string } | undefined;

  constructor(ids: Iterable<string>) {
    const needles = Array.from(ids, (id) => ({ id, needle: latin1(JSON.stringify(id)) }));
    this.#only = needles.length === 1 ? needles[0] : undefined;
    this.#prefixes = new Set(needles.map(({ needle }) => needle.slice(0, PREFIX_BYTES)));
    this.longest = needles.reduce((longest, { needle }) => Math.max(longest, needle.length), 1);
    this.#lengths = new Uint8Array(this.longest + 1);
    for (const { id, needle } of needles) this.#add(id, needle);
  }

  #add(id: string, needle: string): void {
    const text = needle.slice(0, needle.indexOf('"', 1) + 1);
    const segment: Segment = this.#segments.get(text) ?? { longer: new Map() };
    this.#segments.set(text, segment);
    this.#lengths[text.length] = 1;
    if (text.length === needle.length) segment.id = id;
    else {
      const alike = segment.longer.get(needle.length) ?? new Map<string, string>();
      segment.longer.set(needle.length, alike.set(needle, id));
    }
  }

  /** Finds the ids that begin before an offset in some bytes. Returns them from the last to the first. */
  find(bytes: Buffer, before: number): IdMatch[] {
    const matches: IdMatch[] = [];
    if (this.#only !== undefined) this.#findOnly(bytes, before, this.#only, matches);
    else if (this.#prefixes.size <= MAX_PREFIXES) this.#findByPrefix(bytes, before, matches);
    else this.#findByQuote(bytes, before, matches);
    return matches.sort((a, b) => b.at - a.at);
  }

  #findOnly(bytes: Buffer, before: number, { id, needle }: { id: string; needle: string }, matches: IdMatch[]): void {
    for (let at = bytes.indexOf(needle, 0, "latin1"); at !== -1 && at < before; ) {
      matches.push({ at, id });
      at = bytes.indexOf(needle, at + 1, "latin1");
    }
  }

  #findByPrefix(bytes: Buffer, before: number, matches: IdMatch[]): void {
    for (const prefix of this.#prefixes)
      for (let at = bytes.indexOf(prefix, 0, "latin1"); at !== -1 && at < before; ) {
        const end = bytes.subarray(at + 1, at + this.longest).indexOf(QUOTE);
        if (end !== -1) this.#match(bytes, at, at + end + 2, matches);
        at = bytes.indexOf(prefix, at + 1, "latin1");
      }
  }

  #findByQuote(bytes: Buffer, before: number, matches: IdMatch[]): void {
    const { length } = bytes;
    for (let at = -1, start = -1; ++at < length && start < before; ) {
      if (bytes[at] !== QUOTE) continue;
      if (start !== -1) this.#match(bytes, start, at + 1, matches);
      start = at;
    }
  }

  /** @param end The offset after the next quotation mark. */
  #match(bytes: Buffer, at: number, end: number, matches: IdMatch[]): void {
    if (this.#lengths[end - at] !== 1) return;
    const segment = this.#segments.get(bytes.toString("latin1", at, end));
    if (segment === undefined) return;
    if (segment.id !== undefined) matches.push({ at, id: segment.id });
    for (const [length, ids] of segment.longer) {
      const id = at + length <= bytes.length ? ids.get(bytes.toString("latin1", at, at + length)) : undefined;
      if (id !== undefined) matches.push({ at, id });
    }
  }
}

const latin1 = (text: string) => Buffer.from(text).toString("latin1");
