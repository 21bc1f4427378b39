import { LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { SearchableFile, SearchLimits } from "@plexum/jsonl-edit";
import { displayedCall, isNestedId } from "../calls/nested-item.ts";
import { callOf, outputOf } from "../calls/tool-call.ts";
import { chunksOf } from "../read/open-rollout.ts";
import { toRolloutEntry } from "../read/rollout-entry.ts";
import type { ResponseItem } from "../read/rollout-line.ts";

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** A script in code mode: a call of `exec`, or of `wait` for one that is still running. */
export interface Script {
  readonly callId: string;
  readonly itemId: string | undefined;
  readonly isWait: boolean;
  readonly offset: number;
  /** Its own output and its notifications, in the order of the file. */
  readonly outputs: (Place & { readonly isNotification: boolean })[];
}

/** The scripts of one turn, and the places where codex recorded their calls. */
export interface ScriptTurn {
  readonly scripts: Script[];
  readonly nested: (Place & { readonly callId: string })[];
}

const TURN_START = "task_started";
const TURN_ENDS = ["task_started", "task_complete", "turn_aborted"];
/** Only lines with one of these are parsed. */
const MARKS = ['"custom_tool_call', '"function_call', '"exec-', '"task_', '"turn_aborted"'].map((mark) =>
  Buffer.from(mark),
);

/** Reads the turn to which a line belongs, from its beginning to its end or the end of the file. */
export async function readScriptTurn(
  searchable: SearchableFile,
  fileEnd: number,
  at: number,
  limits: SearchLimits,
): Promise<ScriptTurn> {
  const { path, file } = searchable;
  const start = await turnStart(searchable, at, limits);
  const reader = new TurnReader(path, start);
  const splitter = new LineSplitter({ startOffset: start, maxLineBytes: limits.maxLineBytes });
  for await (const chunk of chunksOf(file, path, start, fileEnd)) {
    limits.signal?.throwIfAborted();
    for (const split of splitter.write(chunk)) if (reader.take(split)) return reader.turn;
  }
  for (const split of splitter.end()) reader.take(split);
  return reader.turn;
}

async function turnStart(searchable: SearchableFile, before: number, limits: SearchLimits): Promise<number> {
  for await (const line of searchable.search(new Set([TURN_START]), limits, before)) {
    if (line.bytes === undefined) continue;
    const entry = toRolloutEntry(searchable.path, { kind: "line", ...line, bytes: line.bytes });
    if (entry?.kind === "line" && entry.line.type === "event_msg" && entry.line.payload.type === TURN_START)
      return line.offset;
  }
  return 0;
}

/** Collects a turn line by line. */
class TurnReader {
  readonly turn: ScriptTurn = { scripts: [], nested: [] };
  readonly #path: string;
  readonly #start: number;
  /** Scripts by call id. If a provider reuses an id, the last one wins. */
  readonly #scripts = new Map<string, Script>();

  constructor(path: string, start: number) {
    this.#path = path;
    this.#start = start;
  }

  /** Returns true if the line ends the turn. */
  take(split: SplitLine): boolean {
    if (split.kind !== "line") return false;
    const { bytes } = split;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!MARKS.some((mark) => buffer.includes(mark))) return false;
    const entry = toRolloutEntry(this.#path, split);
    if (entry?.kind !== "line") return false;
    const { line, offset, length } = entry;
    if (line.type === "event_msg") {
      if (TURN_ENDS.includes(line.payload.type)) return offset > this.#start;
      const callId = displayedCall(line.payload)?.callId;
      if (callId !== undefined && isNestedId(callId)) this.turn.nested.push({ callId, offset, length });
    }
    if (line.type === "response_item") this.#takeItem(line.payload, { offset, length });
    return false;
  }

  #takeItem(item: ResponseItem, place: Place): void {
    const call = callOf(item);
    const isWait = call?.kind === "function" && call.name === "wait";
    if (call && (isWait || (call.kind === "custom" && call.name === "exec"))) {
      const itemId = item.id ?? undefined;
      const script: Script = { callId: call.callId, itemId, isWait, offset: place.offset, outputs: [] };
      this.turn.scripts.push(script);
      this.#scripts.set(script.callId, script);
    }
    const output = outputOf(item);
    if (output !== undefined)
      this.#scripts.get(output.callId)?.outputs.push({ ...place, isNotification: output.isNotification });
  }
}
