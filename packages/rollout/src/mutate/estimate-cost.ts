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
  /** By how many tokens each later request is smaller. */
  readonly tokensFreed: number;
  /**
   * How many tokens the next request reads without the provider's prompt cache, once: all that stands behind the first changed line. 0
   * where the provider has reported no cached tokens.
   */
  readonly tokensUncached: number;
}

interface Counts {
  readonly input: number;
  readonly cached: number;
  /** Without reasoning, which the next request does not have. */
  readonly output: number;
}

/**
 * What a part of a file has. Codex records an answer's items, the outputs of its calls and then its count (0.135, 0.169): what the
 * answer's request did not have yet stands before the count.
 */
interface Part {
  /** Of the text that the last request had. */
  sentBytes: number;
  /** The first and the last request's. The first one's is that of the answer that the part begins in. */
  first: Counts | undefined;
  last: Counts | undefined;
  hasCached: boolean;
  /** What stands behind the last count, in bytes of text: an answer's messages and calls, and the outputs of these. */
  unsent: { answer: number; outputs: number };
  /** Where the last compaction stands. */
  compactedAt: number | undefined;
  isRolledBack: boolean;
}

/** So much behind the first changed line is read to know what text comes to; of the rest only what matters is searched for. */
const SAMPLE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** The farthest that a count is looked for before a line. */
const MAX_BYTES_BEFORE = 64 * 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024 * 1024;
/** Of a long line what is not text: timestamp, ordinal, types, keys. */
const FRAME_BYTES = 200;
/** Each item carries its role and its kind for the model: some four tokens. */
const ITEM_BYTES = 16;
/** Shorter lines are parsed to know their text, as long as there are not too many of them. */
const SHORT_LINE_BYTES = 64 * 1024;
const MAX_PARSED_BYTES = 64 * 1024 * 1024;
/** What no text and no tokenizer goes beyond: tokens to a byte. */
const MIN_RATIO = 1 / 8;
const MAX_RATIO = 1 / 2;

/**
 * Estimates what changes free and cost. Reads 16 MiB from the first of them on, searches the rest, and holds a line at a time.
 *
 * The figures are the provider's own, as codex records them after each answer; text is weighed by what the text behind the change came
 * to, and a changed image counts as codex counts it.
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
    // What stands before the line in its own answer is weighed too.
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

/** The changes that the model sees: not what a compaction has summed up, or a rollback has taken back. */
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
  const takenBack = new Set(calls.flatMap(({ callId, state }) => (state === "taken-back" ? [callId] : [])));
  return left.filter(({ ids }) => !ids.every((id) => takenBack.has(id)));
}

const clamp = (ratio: number) => Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio));

/** Reads a part of a file from one line to another. */
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
  /** What the next request has. */
  let bytes = 0;
  /** A count that comes after a new turn has begun is not that of the answer that the part begins in. */
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
  // Each line is done with before the next chunk is read.
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

/** Finds the last count and what takes back, down to a place. Searches only what was not read before. */
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

/** Searches from the end of a file for the last count and for what takes back, down to a place. */
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
    // What stands before it is not in the context, taken back or not.
    if (kind === "compacted") {
      tail.compactedAt = found.offset;
      break;
    }
    if (kind === "rolled-back") tail.isRolledBack = true;
  }
  return tail;
}

/** Reads from the last count before a line up to the line. Undefined if there is none near. */
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

/** How many tokens stand before a line. */
function prefixOf({ bytes }: LineChange, before: Part | undefined, { first, last }: Part, weight: number): number {
  const own = before?.unsent ?? { answer: 0, outputs: 0 };
  const type = headOf(bytes).payloadType ?? "";
  if (typeOf(bytes) === "compacted") return 0;
  if (first !== undefined)
    return type.endsWith("_output")
      ? first.input + first.output + own.outputs * weight
      : first.input + own.answer * weight;
  // The answer was cut off before its count.
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

/** By the beginning of a line, without parsing it. */
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

/** Measures how much text the model is sent for a line. */
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

/** In tokens, given how many of them a byte of text comes to. */
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
