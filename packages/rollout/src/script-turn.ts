import { LineSplitter, type SplitLine } from "@plexum/jsonl";
import type { OpenFile } from "./files.ts";
import { displayedCall } from "./nested-item.ts";
import { chunksOf } from "./open-rollout.ts";
import { toRolloutEntry } from "./rollout-entry.ts";
import { type SearchLimits, searchBackward } from "./search-backward.ts";
import { callOf, outputOf } from "./tool-call.ts";

interface Place {
  readonly offset: number;
  readonly length: number;
}

/** A script of code mode: a call of `exec`, or of `wait` for one that runs on. */
export interface Script {
  readonly callId: string;
  readonly itemId: string | undefined;
  readonly isWait: boolean;
  readonly offset: number;
  /** Its own output and what it notified of, in the order of the file. */
  readonly outputs: (Place & { readonly isNotification: boolean })[];
}

/** The scripts of one turn, and where codex recorded the calls that they made. */
export interface ScriptTurn {
  readonly scripts: Script[];
  readonly nested: (Place & { readonly callId: string })[];
}

const TURN_START = '"task_started"';
const TURN_ENDS = ["task_started", "task_complete", "turn_aborted"];
/** Only lines with one of these are parsed. */
const MARKS = ['"custom_tool_call', '"function_call', '"exec-', '"task_', '"turn_aborted"'].map((mark) =>
  Buffer.from(mark),
);

/** Reads the turn that a line belongs to, from its beginning to its end or the file's. */
export async function readScriptTurn(
  file: OpenFile,
  path: string,
  fileEnd: number,
  at: number,
  limits: SearchLimits,
): Promise<ScriptTurn> {
  const turn: ScriptTurn = { scripts: [], nested: [] };
  const start = await turnStart(file, path, at, limits);
  const splitter = new LineSplitter({ startOffset: start, maxLineBytes: limits.maxLineBytes });
  for await (const chunk of chunksOf(file, path, start, fileEnd)) {
    limits.signal?.throwIfAborted();
    for (const split of splitter.write(chunk)) if (take(turn, path, split, start)) return turn;
  }
  for (const split of splitter.finish()) take(turn, path, split, start);
  return turn;
}

async function turnStart(file: OpenFile, path: string, before: number, limits: SearchLimits): Promise<number> {
  for await (const line of searchBackward(file, path, before, new Set([TURN_START]), limits)) {
    if (line.bytes === undefined) continue;
    const entry = toRolloutEntry(path, { kind: "line", ...line, bytes: line.bytes });
    if (entry?.kind === "line" && entry.line.type === "event_msg" && entry.line.payload.type === "task_started")
      return line.offset;
  }
  return 0;
}

/** Returns true if the line ends the turn. */
function take(turn: ScriptTurn, path: string, split: SplitLine, start: number): boolean {
  if (split.kind !== "line") return false;
  const { bytes } = split;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!MARKS.some((mark) => buffer.includes(mark))) return false;
  const entry = toRolloutEntry(path, split);
  if (entry?.kind !== "line") return false;
  const { line, offset, length } = entry;
  if (line.type === "event_msg") {
    if (TURN_ENDS.includes(line.payload.type)) return offset > start;
    const callId = displayedCall(line.payload)?.callId;
    if (callId?.startsWith("exec-")) turn.nested.push({ callId, offset, length });
  }
  if (line.type !== "response_item") return false;
  const call = callOf(line.payload);
  const isWait = call?.kind === "function" && call.name === "wait";
  if (call && (isWait || (call.kind === "custom" && call.name === "exec")))
    turn.scripts.push({ callId: call.callId, itemId: line.payload.id ?? undefined, isWait, offset, outputs: [] });
  const output = outputOf(line.payload);
  turn.scripts
    .findLast((script) => script.callId === output?.callId)
    ?.outputs.push({ offset, length, isNotification: output?.isNotification ?? false });
  return false;
}
