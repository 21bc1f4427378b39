import { isConsumedOutput } from "../mutate/call-edit.ts";
import { readExactly } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";
import type { RolloutLine } from "../read/rollout-line.ts";
import { MAX_SPAN_BYTES, spansOf } from "../read/spans.ts";
import { CallPlaces } from "./call-places.ts";
import { NOTHING, type Size, sizeOf, sumOf, tokensOf } from "./call-size.ts";
import { hashOf, type LinePlace } from "./call-table.ts";
import { displayedCall } from "./nested-item.ts";
import type { CallCount, ThreadCall, ThreadCalls } from "./read-thread-calls.ts";
import type { ScannedFile, ThreadScan } from "./thread-scan.ts";
import { callOf, outputOf, type ToolCall } from "./tool-call.ts";

/** If there are more calls than this, only the largest ones are read. */
const MAX_CALLS = 10_000;
/** How many of them are read then. */
const MAX_READ_OF_MORE = 2_000;
/** Lines longer than this are not parsed to measure their size. */
const MAX_PARSED_BYTES = 4 * 1024 * 1024;
const EXCERPT_CHARACTERS = 200;

interface CallsOfScanOptions {
  readonly inContextOnly?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the details of the calls that a scan has found. */
export async function callsOfScan(
  scan: ThreadScan,
  options: CallsOfScanOptions,
  skippedBytes = 0,
): Promise<ThreadCalls> {
  const { turns, calls: table } = scan;
  const states = new States(scan, await scan.keptIds());
  const inContext: number[] = [];
  const others: number[] = [];
  const counts = { "in-context": newCount(), compacted: newCount(), "rolled-back": newCount() };
  for (let call = 0; call < table.count; call++) {
    const state = states.of(call);
    counts[state].calls++;
    counts[state].tokens += table.tokens(call);
    if (state === "in-context") inContext.push(call);
    else if (options.inContextOnly !== true) others.push(call);
  }
  const chosen = largest(inContext, table.tokens);
  for (const call of largest(others, table.tokens)) chosen.add(call);
  const omitted = newCount();
  for (const call of inContext) {
    if (chosen.has(call)) continue;
    omitted.calls++;
    omitted.tokens += table.tokens(call);
  }
  const lastOf = lastByHash(scan, chosen);
  const details = await readDetails(scan, chosen, options.signal);
  const calls = Array.from(
    details,
    ([call, { callId, name, kind, argumentsExcerpt, size, isConsumed }]): ThreadCall => {
      const turn = turns.turns[table.turn(call)];
      // A nested call's result is in the context only as far as its script passed it on, and is counted there.
      const own = kind === "nested" ? NOTHING : size;
      return {
        callId,
        name,
        kind,
        argumentsExcerpt,
        turn: turn?.number ?? 0,
        bytes: own.textBytes + own.imageBytes,
        tokens: tokensOf(own),
        state: states.of(call, callId),
        isInherited: turn?.isInherited ?? false,
        isIdReused: lastOf.get(table.idHash(call)) !== call,
        isConsumed,
      };
    },
  );
  return {
    turnCount: turns.turnCount,
    calls: options.inContextOnly ? calls.filter(({ state }) => state === "in-context") : calls,
    skippedBytes,
    compactionCount: scan.compactions.length,
    rolledBackTurnCount: turns.turns.length - turns.turnCount,
    compacted: counts.compacted,
    rolledBack: counts["rolled-back"],
    omitted,
    context: await scan.context(),
    places: new CallPlaces(
      scan,
      calls.map(({ callId }) => callId),
    ),
  };
}

const newCount = (): { -readonly [Key in keyof CallCount]: CallCount[Key] } => ({ calls: 0, tokens: 0 });

/** Determines whether the calls of a scan are still in the context. */
class States {
  readonly #scan: ThreadScan;
  readonly #compactedAt: number;
  readonly #kept: ReadonlySet<string>;
  readonly #keptHashes: ReadonlySet<number>;

  constructor(scan: ThreadScan, kept: ReadonlySet<string>) {
    this.#scan = scan;
    this.#compactedAt = scan.turns.compactedAt ?? -1;
    this.#kept = kept;
    this.#keptHashes = new Set(Array.from(kept, hashOf));
  }

  /** @param callId The call's id, if it is known. Without it, only hashes are compared, so the result may be that of another call. */
  of(call: number, callId?: string): ThreadCall["state"] {
    const { turns, calls } = this.#scan;
    if (turns.turns[calls.turn(call)]?.isRolledBack) return "rolled-back";
    if (calls.at(call) > this.#compactedAt) return "in-context";
    const isKept = callId === undefined ? this.#keptHashes.has(calls.idHash(call)) : this.#kept.has(callId);
    return isKept ? "in-context" : "compacted";
  }
}

/** Returns the last call with the id of each of some calls, by the hash of the id. */
function lastByHash({ calls: table }: ThreadScan, calls: ReadonlySet<number>): Map<number, number> {
  const last = new Map(Array.from(calls, (call) => [table.idHash(call), call]));
  for (let call = 0; call < table.count; call++) if (last.has(table.idHash(call))) last.set(table.idHash(call), call);
  return last;
}

/** Returns the calls, or only the largest ones if there are too many. */
function largest(calls: readonly number[], tokensOf: (call: number) => number): Set<number> {
  if (calls.length <= MAX_CALLS) return new Set(calls);
  const most = 0xffff;
  const countOf = new Uint32Array(most + 1);
  const sizes = new Uint16Array(calls.length);
  for (let index = 0; index < calls.length; index++) {
    const size = Math.min(most, tokensOf(calls[index] as number));
    sizes[index] = size;
    countOf[size] = (countOf[size] as number) + 1;
  }
  let least = most;
  for (let count = 0; least > 0; least--) {
    count += countOf[least] as number;
    if (count >= MAX_READ_OF_MORE) break;
  }
  const chosen = new Set<number>();
  for (let index = 0; index < calls.length; index++)
    if ((sizes[index] as number) > least) chosen.add(calls[index] as number);
  // Of calls of the same size, take the newest.
  for (let index = calls.length - 1; index >= 0 && chosen.size < MAX_READ_OF_MORE; index--)
    if (sizes[index] === least) chosen.add(calls[index] as number);
  return chosen;
}

interface Details extends Pick<ToolCall, "callId" | "name" | "kind"> {
  readonly argumentsExcerpt: string;
  size: Size;
  isConsumed: boolean;
}

interface WantedLine {
  readonly call: number;
  readonly place: LinePlace;
}

/** Reads the lines of some calls, in the order of the files. */
async function readDetails(
  scan: ThreadScan,
  calls: ReadonlySet<number>,
  signal: AbortSignal | undefined,
): Promise<Map<number, Details>> {
  const details = new Map<number, Details>();
  const lines: WantedLine[] = Array.from(calls, (call) => ({ call, place: scan.calls.place(call) }));
  for (const line of scan.calls.outputsOf(calls)) lines.push(line);
  lines.sort((a, b) => a.place.segment - b.place.segment || a.place.offset - b.place.offset);
  let buffer = Buffer.alloc(0);
  const inOneFile = (a: WantedLine, b: WantedLine) => a.place.segment === b.place.segment;
  for (const span of spansOf(lines, { extentOf: ({ place }) => place, mayJoin: inOneFile })) {
    signal?.throwIfAborted();
    const [{ place }] = span;
    const rollout = scan.files[place.segment] as ScannedFile;
    if (place.length > MAX_PARSED_BYTES && details.has(span[0].call)) {
      const known = details.get(span[0].call) as Details;
      known.size = sumOf(known.size, await sizeOfLong(rollout, place, signal));
      continue;
    }
    const end = span.at(-1)?.place ?? place;
    const length = end.offset + end.length - place.offset;
    if (buffer.length < length) buffer = Buffer.allocUnsafe(length);
    const bytes = await readExactly(rollout.file, rollout.path, place.offset, length, buffer.subarray(0, length));
    for (const { call, place: own } of span) {
      const start = own.offset - place.offset;
      const line = {
        ...own,
        kind: "line",
        bytes: bytes.subarray(start, start + own.length),
        terminated: true,
      } as const;
      const parsed = toRolloutEntry(rollout.path, line);
      if (parsed?.kind === "line") takeLine(details, call, parsed.line);
    }
  }
  return details;
}

function takeLine(details: Map<number, Details>, call: number, line: RolloutLine): void {
  const known = details.get(call);
  if (known === undefined) {
    const nested = line.type === "event_msg" ? displayedCall(line.payload) : undefined;
    const direct = line.type === "response_item" ? callOf(line.payload) : undefined;
    const found = direct ?? (nested && { ...nested, kind: "nested" as const });
    if (found === undefined) return;
    const { callId, name, kind } = found;
    const argumentsExcerpt = excerptOf(found.arguments);
    details.set(call, { callId, name, kind, argumentsExcerpt, size: sizeOf(found.arguments), isConsumed: false });
  } else if (line.type === "response_item" && line.payload.call_id === known.callId) {
    known.size = sumOf(known.size, sizeOf(line.payload.output ?? line.payload.tools));
    known.isConsumed ||= isConsumedOutput(outputOf(line.payload)?.output ?? "");
  }
}

/** Returns a copy, since a substring would keep the whole text in memory. */
const excerptOf = (text: string): string =>
  Buffer.from(
    text
      .slice(0, 2 * EXCERPT_CHARACTERS)
      .replace(/\s+/g, " ")
      .trim()
      .slice(0, EXCERPT_CHARACTERS),
  ).toString();

const IMAGE = Buffer.from('"type":"input_image"');

/** Returns the size of an output that is too long to be parsed, as if it were either all images or all text. */
async function sizeOfLong({ file, path }: ScannedFile, place: LinePlace, signal?: AbortSignal): Promise<Size> {
  let images = 0;
  const end = place.offset + place.length;
  for (let offset = place.offset; offset < end; offset += MAX_SPAN_BYTES) {
    signal?.throwIfAborted();
    const length = Math.min(MAX_SPAN_BYTES + IMAGE.length - 1, end - offset);
    const bytes = await readExactly(file, path, offset, length);
    for (let at = bytes.indexOf(IMAGE); at !== -1; at = bytes.indexOf(IMAGE, at + 1)) images++;
  }
  return images === 0 ? { ...NOTHING, textBytes: place.length } : { ...NOTHING, imageBytes: place.length, images };
}
