import { isConsumedOutput } from "../mutate/call-edit.ts";
import { type ReadRolloutOptions, readRollout } from "../read/read-rollout.ts";
import { type TrackedTurn, TurnTracker } from "../read/turn-tracker.ts";
import { asText, type ToolCall } from "./tool-call.ts";
import { ToolCallPairer } from "./tool-call-pairer.ts";

/** A tool call as a part of what the model is sent with every request. */
export interface ThreadCall extends Pick<ToolCall, "callId" | "name" | "kind"> {
  /** Of its turn; 0 if it belongs to none. Turns without calls count too. */
  readonly turn: number;
  /** Of arguments and output as the rollout has them, images included. */
  readonly bytes: number;
  /** As codex estimates where it has no count: four bytes a token, and the same for every image. */
  readonly tokens: number;
  /**
   * - `in-context`: the model sees it
   * - `compacted`: a summary stands in its place
   * - `taken-back`: its turn was rolled back
   */
  readonly state: "in-context" | "compacted" | "taken-back";
  /** It was made in the thread that this one was made from, and codex copied its lines. */
  readonly isInherited: boolean;
  /** Its output was consumed, light or heavy. Not told of a nested call. */
  readonly isConsumed: boolean;
}

export interface ThreadCalls {
  /** How many turns the thread has, without those that were taken back. */
  readonly turnCount: number;
  /** In the order in which they were first seen. */
  readonly calls: readonly ThreadCall[];
}

export const BYTES_PER_TOKEN = 4;
/** Codex's own: it sends every image in about the same size (0.135 to 0.169). */
const TOKENS_PER_IMAGE = Math.ceil(7_373 / BYTES_PER_TOKEN);

/**
 * Reads a thread for what its tool calls cost. Holds no texts.
 * @throws RolloutError
 */
export async function readThreadCalls(
  path: string,
  options: Pick<ReadRolloutOptions, "codexHome" | "signal" | "maxLineBytes"> & {
    /** Tells the turns that codex copied from the thread that this one was made from. */
    readonly threadId?: string;
  } = {},
): Promise<ThreadCalls> {
  const turns = new TurnTracker(options.threadId);
  const pairer = new ToolCallPairer();
  const seen = new Map<ToolCall, Seen>();
  for await (const entry of readRollout(path, options)) {
    if (entry.kind !== "line") continue;
    const { line } = entry;
    const at = turns.write(line);
    for (const event of pairer.write(entry)) {
      if (event.type === "call-started")
        seen.set(event.call, { turn: turns.current, at, size: sizeOf(event.call.arguments), isConsumed: false });
      const call = event.type === "call-output" ? seen.get(event.call) : undefined;
      if (call === undefined || line.type !== "response_item" || event.type !== "call-output") continue;
      call.size = sum(call.size, sizeOf(line.payload.output ?? line.payload.tools));
      call.isConsumed ||= isConsumedOutput(event.output.output);
    }
  }
  const calls = Array.from(seen, ([{ callId, name, kind }, { turn, at, size, isConsumed }]): ThreadCall => {
    // What a nested call returned is in the context only as far as its script passed it on, and counted there.
    const own = kind === "nested" ? NOTHING : size;
    return {
      callId,
      name,
      kind,
      turn: turn?.number ?? 0,
      bytes: own.textBytes + own.imageBytes,
      tokens: tokensOf(own),
      state: turn?.isTakenBack ? "taken-back" : turns.isInContext(turn, at, callId) ? "in-context" : "compacted",
      isInherited: turn?.isInherited ?? false,
      isConsumed,
    };
  });
  return { turnCount: turns.turns.filter((turn) => !turn.isTakenBack).length, calls };
}

interface Seen {
  readonly turn: TrackedTurn | undefined;
  readonly at: number;
  size: Size;
  isConsumed: boolean;
}

interface Size {
  readonly textBytes: number;
  readonly imageBytes: number;
  readonly images: number;
}

export const tokensOf = ({ textBytes, images }: Size): number =>
  Math.ceil(textBytes / BYTES_PER_TOKEN) + images * TOKENS_PER_IMAGE;

const NOTHING: Size = { textBytes: 0, imageBytes: 0, images: 0 };

const sum = (a: Size, b: Size): Size => ({
  textBytes: a.textBytes + b.textBytes,
  imageBytes: a.imageBytes + b.imageBytes,
  images: a.images + b.images,
});

export function sizeOf(value: unknown): Size {
  if (!Array.isArray(value)) return { ...NOTHING, textBytes: Buffer.byteLength(asText(value)) };
  const isImage = (block: unknown) => (block as { type?: unknown } | null)?.type === "input_image";
  const images = value.filter(isImage);
  return {
    textBytes: Buffer.byteLength(asText(value.filter((block) => !isImage(block)))),
    imageBytes: images.reduce((bytes, { image_url: url }) => bytes + (typeof url === "string" ? url.length : 0), 0),
    images: images.length,
  };
}
