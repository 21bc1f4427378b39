import type { SplitLine } from "@plexum/jsonl";
import { type RolloutLine, typeRolloutLine } from "./rollout-line.ts";

/** @inline */
interface Place {
  /** The file that contains the line: one of several for a forked or reverted thread. */
  readonly path: string;
  /** The offset of the line's first byte in that file. For a compressed file, in its decompressed content. */
  readonly offset: number;
  /** The line's length in bytes, without the newline. */
  readonly length: number;
}

/**
 * - `malformed`: not JSON
 * - `invalid-utf-8`
 * - `not-an-object`: JSON, but not an object with a `type`
 * - `torn`: the end of the file is an unfinished line
 * - `nul-bytes`: zeros, as a crash of the machine leaves them
 * - `byte-order-mark`: codex refuses a thread that begins with one
 * - `oversized`: longer than `maxLineBytes`
 */
export type DamageReason =
  | "malformed"
  | "invalid-utf-8"
  | "not-an-object"
  | "torn"
  | "nul-bytes"
  | "byte-order-mark"
  | "oversized";

/** A line that was read, or a damaged one that was skipped. */
export type RolloutEntry =
  | (Place & { readonly kind: "line"; readonly line: RolloutLine })
  | (Place & { readonly kind: "damaged"; readonly reason: DamageReason });

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses one line. Returns undefined for a blank line. */
export function toRolloutEntry(path: string, split: SplitLine): RolloutEntry | undefined {
  const place = { path, offset: split.offset, length: split.length };
  const damaged = (reason: DamageReason): RolloutEntry => ({ kind: "damaged", ...place, reason });
  if (split.kind === "oversized") return damaged("oversized");
  const { bytes } = split;
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return damaged("byte-order-mark");
  if (bytes.includes(0)) return damaged("nul-bytes");
  try {
    const text = utf8.decode(bytes);
    if (text.trim() === "") return undefined;
    const line = typeRolloutLine(JSON.parse(text));
    return line === undefined ? damaged("not-an-object") : { kind: "line", ...place, line };
  } catch (error) {
    if (!split.terminated) return damaged("torn");
    return damaged(error instanceof SyntaxError ? "malformed" : "invalid-utf-8");
  }
}
