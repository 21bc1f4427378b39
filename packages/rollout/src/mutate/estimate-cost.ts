import { LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { LineChange, SearchableFile } from "@plexum/jsonl-edit";
import { type CallPlaces, type FilePlaces, placesOfFile } from "../calls/call-places.ts";
import { BYTES_PER_TOKEN, sizeOf, tokensOf } from "../calls/call-size.ts";
import { readThreadCalls } from "../calls/read-thread-calls.ts";
import { readExactly } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";
import { tokenCountInfo } from "../read/rollout-line.ts";
import { headOf, typeOf } from "./edit-line.ts";

/** What a mutation frees and costs, estimated from the token counts in the rollout. */
export interface MutationCost {
  /** How many tokens smaller each later request is. */
  readonly tokensFreed: number;
  /**
   * How many tokens the next request reads without the provider's prompt cache, once: all tokens after the first changed line. 0 if
   * the provider has reported no cached tokens.
   */
  readonly tokensUncached: number;
}

interface Counts {
  readonly input: number;
  readonly cached: number;
  /** Without reasoning, which is not part of the next request. */
  readonly output: number;
}

/**
 * The content of a part of a file. Codex records an answer's items, the outputs of its calls and then its count (0.135, 0.169). So the
 * items between two counts were not yet in the request of the second count.
 */
interface Part {
  /** The size of the text that the last request contained. */
  sentBytes: number;
  /** The counts of the answer in which the part begins. */
  first: Counts | undefined;
  /** The last counts. */
  last: Counts | undefined;
  hasCached: boolean;
  /** What follows the last count, in bytes of text: an answer's messages and calls, and the outputs of the calls. */
  unsent: { answer: number; outputs: number };
  /** The offset of the last compaction. */
  compactedAt: number | undefined;
  isRolledBack: boolean;
}

/** How much is read after the first changed line, to learn how many tokens a byte of text is. The rest is only searched. */
const SAMPLE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** How far before a line to search for a count. */
const MAX_BYTES_BEFORE = 64 * 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** The part of a long line that is not text: timestamp, ordinal, types, keys. */
const FRAME_BYTES = 200;
/** The role and the kind that each item has for the model: some four tokens. */
const ITEM_BYTES = 16;
/** Lines shorter than this are parsed to measure their text, until `MAX_PARSED_BYTES` are parsed. */
const SHORT_LINE_BYTES = 64 * 1024;
const MAX_PARSED_BYTES = 64 * 1024 * 1024;
/** The limits of tokens per byte, for any text and tokenizer. */
const MIN_RATIO = 1 / 8;
const MAX_RATIO = 1 / 2;

/**
 * Estimates what changes free and cost. Reads 16 MiB from the first change, searches the rest, and holds one line at a time.
 *
 * The figures are derived from the provider's counts, which codex records after each answer. The tokens per byte of text are those of
 * the text after the first change. A changed image counts as codex counts it.
 */
export async function estimateCost(
  file: SearchableFile,
  end: number,
  changes: readonly LineChange[],
  options: {
    readonly codexHome?: string | undefined;
    readonly places?: CallPlaces | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<MutationCost> {
  const places = placesOfFile(options.places, file.stat);
  let seen = changes.filter(({ bytes }) => typeOf(bytes) !== "event_msg").sort((a, b) => a.offset - b.offset);
  for (;;) {
    const [first] = seen;
    if (first === undefined) return { tokensFreed: 0, tokensUncached: 0 };
    const sampleEnd = Math.min(end, first.offset + SAMPLE_BYTES);
    const rest = await readPart(file, first.offset, sampleEnd, options.signal);
    const tail = await readTail(file, sampleEnd, end, places, options.signal);
    rest.compactedAt = tail.compactedAt ?? rest.compactedAt;
    rest.isRolledBack ||= tail.isRolledBack;
    const left = await inContext(file, seen, rest, options);
    if (left[0] !== first) {
      seen = left;
      continue;
    }
    const before = await readBefore(file, first.offset, options.signal);
    let weight = 1 / BYTES_PER_TOKEN;
    // The text before the line in its own answer is weighed with the same ratio, so the ratio is refined in a few rounds.
    for (let round = 0; round < 3; round++) {
      const behind = rest.last === undefined ? 0 : rest.last.input - prefixOf(first, before, rest, weight);
      if (behind > 0 && rest.sentBytes > 0) weight = clamp(behind / rest.sentBytes);
    }
    const last = tail.last ?? rest.last ?? before?.last;
    const behind = last === undefined ? 0 : last.input - prefixOf(first, before, rest, weight);
    const tokensFreed = Math.round(left.reduce((sum, change) => sum + freedBy(change, weight), 0));
    const isCached = rest.hasCached || (tail.last?.cached ?? 0) > 0 || before?.hasCached === true;
    return { tokensFreed, tokensUncached: isCached ? Math.max(0, Math.round(behind - tokensFreed)) : 0 };
  }
}

/** Returns the changes that the model sees. Excludes lines that a compaction has summarized or a rollback has removed. */
async function inContext(
  file: SearchableFile,
  changes: readonly LineChange[],
  { compactedAt = -1, isRolledBack }: Part,
  { codexHome, signal }: { readonly codexHome?: string | undefined; readonly signal?: AbortSignal | undefined },
): Promise<LineChange[]> {
  const left = changes.filter(({ offset }) => offset >= compactedAt);
  if (!isRolledBack || left.length === 0) return left;
  const { calls } = await readThreadCalls(file.path, {
    ...(codexHome === undefined ? {} : { codexHome }),
    ...(signal === undefined ? {} : { signal }),
  });
  const rolledBack = new Set(calls.flatMap(({ callId, state }) => (state === "rolled-back" ? [callId] : [])));
  return left.filter(({ ids }) => !ids.every((id) => rolledBack.has(id)));
}

const clamp = (ratio: number) => Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio));

/** Reads a part of a file, from one line up to another. */
async function readPart(
  { file, path }: SearchableFile,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Part> {
  const part: Part = {
    sentBytes: 0,
    first: undefined,
    last: undefined,
    hasCached: false,
    unsent: { answer: 0, outputs: 0 },
    compactedAt: undefined,
    isRolledBack: false,
  };
  const splitter = new LineSplitter({ startOffset: start, maxLineBytes: MAX_LINE_BYTES });
  const sizes = new ItemSizes();
  /** The size of what the next request contains. */
  let bytes = 0;
  /** A count after the beginning of another turn does not belong to the answer in which the part begins. */
  let isFirstTurn = true;
  const take = (split: SplitLine) => {
    const kind = kindOf(split);
    if (kind === "prompt") bytes += sizes.of(split);
    else if (kind === "answer") part.unsent.answer += sizes.of(split);
    else if (kind === "output") part.unsent.outputs += sizes.of(split);
    else if (kind === "count") {
      const counts = countsIn(path, split);
      if (counts === undefined) return;
      if (isFirstTurn) part.first ??= counts;
      part.last = counts;
      part.hasCached ||= counts.cached > 0;
      part.sentBytes = bytes;
      bytes += part.unsent.answer + part.unsent.outputs;
      part.unsent = { answer: 0, outputs: 0 };
    } else if (kind === "turn") isFirstTurn = false;
    else if (kind === "compacted" && split.offset > start) part.compactedAt = split.offset;
    else if (kind === "rolled-back") part.isRolledBack = true;
  };
  // One buffer is enough: each line is processed before the next chunk is read.
  const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(CHUNK_BYTES, end - start)));
  for (let offset = start; offset < end; offset += buffer.length) {
    signal?.throwIfAborted();
    const chunk = buffer.subarray(0, Math.min(buffer.length, end - offset));
    for (const split of splitter.write(await readExactly(file, path, offset, chunk.length, chunk))) take(split);
  }
  for (const split of splitter.end()) take(split);
  return part;
}

type Tail = Pick<Part, "last" | "compactedAt" | "isRolledBack">;

/**
 * Finds the last count, the last compaction and rollbacks, from an offset to the end of the file. Takes what `places` knows, and
 * searches only the rest.
 */
async function readTail(
  file: SearchableFile,
  start: number,
  end: number,
  places: FilePlaces | undefined,
  signal: AbortSignal | undefined,
): Promise<Tail> {
  if (places === undefined || places.start > start || places.end > end) return searchTail(file, start, end, signal);
  const { lastCount, lastCompaction = -1, lastRollback = -1 } = places;
  const appended = await searchTail(file, Math.max(start, places.end), end, signal);
  if (appended.compactedAt !== undefined) return appended;
  const compactedAt = lastCompaction < start ? undefined : lastCompaction;
  const isRolledBack = appended.isRolledBack || lastRollback >= Math.max(start, lastCompaction);
  if (appended.last !== undefined || lastCount === undefined || lastCount.offset < start)
    return { last: appended.last, compactedAt, isRolledBack };
  const bytes = await readExactly(file.file, file.path, lastCount.offset, lastCount.length);
  const last = countsIn(file.path, { kind: "line", ...lastCount, bytes, terminated: true });
  return last === undefined ? searchTail(file, start, end, signal) : { last, compactedAt, isRolledBack };
}

/** Searches backward from the end of a file to an offset, for the last count, the last compaction and rollbacks. */
async function searchTail(
  file: SearchableFile,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<Tail> {
  const tail: Tail = {
    last: undefined,
    compactedAt: undefined,
    isRolledBack: false,
  };
  if (end <= start) return tail;
  const marks = new Set(["token_count", "compacted", "thread_rolled_back"]);
  const limits = { maxLineBytes: MAX_LINE_BYTES, maxBytes: end - start, signal };
  for await (const { bytes, ...found } of file.search(marks, limits, end)) {
    if (found.offset < start) break;
    const split: SplitLine | undefined = bytes && { kind: "line", ...found, bytes };
    const kind = split && kindOf(split);
    if (kind === "count" && split !== undefined) tail.last ??= countsIn(file.path, split);
    if (tail.last !== undefined) marks.delete("token_count");
    // Nothing before a compaction is in the context, whether or not it was rolled back.
    if (kind === "compacted") {
      tail.compactedAt = found.offset;
      break;
    }
    if (kind === "rolled-back") tail.isRolledBack = true;
  }
  return tail;
}

/** Reads from the last count before a line up to the line. Returns undefined if there is none nearby. */
async function readBefore(
  file: SearchableFile,
  offset: number,
  signal: AbortSignal | undefined,
): Promise<Part | undefined> {
  const limits = { maxLineBytes: MAX_LINE_BYTES, maxBytes: MAX_BYTES_BEFORE, signal };
  for await (const { bytes, ...found } of file.search(new Set(["token_count"]), limits, offset)) {
    const split: SplitLine | undefined = bytes && { kind: "line", ...found, bytes };
    if (split !== undefined && kindOf(split) === "count" && countsIn(file.path, split) !== undefined)
      return readPart(file, found.offset, offset, signal);
  }
  return undefined;
}

/** Returns how many tokens precede a line. */
function prefixOf({ bytes }: LineChange, before: Part | undefined, { first, last }: Part, weight: number): number {
  const own = before?.unsent ?? { answer: 0, outputs: 0 };
  const type = headOf(bytes).payloadType ?? "";
  if (typeOf(bytes) === "compacted") return 0;
  if (first !== undefined)
    return type.endsWith("_output")
      ? first.input + first.output + own.outputs * weight
      : first.input + own.answer * weight;
  // The answer was interrupted before its count.
  if (before?.last !== undefined) return before.last.input + before.last.output + (own.answer + own.outputs) * weight;
  return last?.input ?? 0;
}

const HEAD_BYTES = 512;
const mark = (text: string) => Buffer.from(text);
const ITEM = mark('"response_item"');
const REASONING = mark('"type":"reasoning"');
const COUNT = mark('"token_count"');
const COMPACTED = mark('"type":"compacted"');
const ROLLED_BACK = mark('"thread_rolled_back"');

const TURN = mark('"task_started"');
const OUTPUT = mark('_output"');
const PROMPT = [mark('"role":"user"'), mark('"role":"developer"')];

type LineKind = "prompt" | "answer" | "output" | "count" | "turn" | "compacted" | "rolled-back";

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array) => Buffer.from(buffer, byteOffset, length);

/** Returns the kind of a line by its beginning, without parsing it. */
function kindOf(split: SplitLine): LineKind | undefined {
  const head = bufferOf(split.kind === "line" ? split.bytes : split.head).subarray(0, HEAD_BYTES);
  if (head.includes(ITEM)) {
    if (head.includes(REASONING)) return undefined;
    if (head.includes(OUTPUT)) return "output";
    return PROMPT.some((role) => head.includes(role)) ? "prompt" : "answer";
  }
  if (head.includes(COUNT)) return "count";
  if (head.includes(TURN)) return "turn";
  if (head.includes(COMPACTED)) return "compacted";
  return head.includes(ROLLED_BACK) ? "rolled-back" : undefined;
}

const IMAGE = mark('"input_image"');

/** Measures how much text of a line the model is sent. */
class ItemSizes {
  #parsed = 0;

  of(split: SplitLine): number {
    if (split.kind === "line" && this.#isWorthParsing(split.bytes)) {
      this.#parsed += split.length;
      const entry = toRolloutEntry("", split);
      if (entry?.kind === "line" && entry.line.type === "response_item") {
        const { arguments: given, input, output, content, tools, action } = entry.line.payload;
        const parts = [given, input, output, content, tools, action].filter((part) => part != null);
        return parts.reduce((sum: number, part) => sum + tokensOf(sizeOf(part)) * BYTES_PER_TOKEN, ITEM_BYTES);
      }
    }
    return Math.max(0, split.length - FRAME_BYTES) + ITEM_BYTES;
  }

  #isWorthParsing(bytes: Uint8Array): boolean {
    if (this.#parsed > MAX_PARSED_BYTES) return false;
    return bytes.length < SHORT_LINE_BYTES || bufferOf(bytes).includes(IMAGE);
  }
}

function countsIn(path: string, split: SplitLine): Counts | undefined {
  const entry = toRolloutEntry(path, split);
  if (entry?.kind !== "line" || entry.line.type !== "event_msg") return undefined;
  const usage = tokenCountInfo.safeParse(entry.line.payload.info).data?.last_token_usage;
  return (
    usage && {
      input: usage.input_tokens,
      cached: usage.cached_input_tokens,
      output: usage.output_tokens - usage.reasoning_output_tokens,
    }
  );
}

/**
 * Returns how many tokens a change frees.
 * @param weight The tokens per byte of text.
 */
function freedBy({ offset, bytes, patches }: LineChange, weight: number): number {
  const weigh = (json: string) => {
    const { textBytes, images } = sizeOf(JSON.parse(json));
    return textBytes * weight + tokensOf({ textBytes: 0, imageBytes: 0, images });
  };
  let freed = 0;
  for (const patch of patches) {
    const start = patch.offset - offset;
    freed += weigh(bytes.toString("utf8", start, start + patch.length)) - weigh(patch.value);
  }
  return freed;
}
