import { createHash } from "node:crypto";
import { type NestedRecord, readNestedRecord } from "./nested-record.ts";
import type { ResultText } from "./replace-passed-on.ts";
import type { LineAt } from "./script-output.ts";
import type { Script, ScriptTurn } from "./script-turn.ts";

/** The place where codex recorded a call from inside a script. */
export type NestedPlace = ScriptTurn["nested"][number];

/** The parts of a call's record on which the edits of other calls depend. */
interface KnownRecord {
  readonly isEdited: boolean;
  /** The keys of its texts. */
  readonly texts: readonly string[];
}

const KEY_LENGTH = 64;

/** Returns a text, or the hash of a long text. So a call takes some hundred bytes of memory, however long its results are. */
export const keyOf = (text: string): string =>
  text.length < KEY_LENGTH ? text : createHash("sha256").update(text).digest("hex").padEnd(KEY_LENGTH);

/** Returns the texts to search for in outputs: what the tool returned, or what an edit has put in its place. */
export const resultsOf = (record: NestedRecord): readonly ResultText[] =>
  record.state === "intact" ? record.results : record.to === null ? [] : [{ text: record.to, isJson: false }];

/** Returns the offset of a script's own output, or infinity if it has none. */
export const outputOffsetOf = (script: Script): number =>
  script.outputs.find((output) => !output.isNotification)?.offset ?? Number.POSITIVE_INFINITY;

/** Determines which script of a turn may have made which call, and which results must stay in the scripts' outputs. */
export class TurnRecords {
  readonly #turn: ScriptTurn;
  readonly #edited: ReadonlySet<string>;
  readonly #links: ReadonlyMap<string, string>;
  /** By the offset of the record's line. */
  readonly #records = new Map<number, KnownRecord>();
  readonly #callsOf = new Map<Script, NestedPlace[]>();

  private constructor(turn: ScriptTurn, edited: ReadonlySet<string>, links: ReadonlyMap<string, string>) {
    this.#turn = turn;
    this.#edited = edited;
    this.#links = links;
  }

  /**
   * Reads the record of each call in the turn, one line at a time.
   *
   * @param edited The ids of the calls whose results are to be edited.
   * @param links Maps a nested call's id to the item id of its script's call.
   */
  static async read(
    turn: ScriptTurn,
    edited: ReadonlySet<string>,
    links: ReadonlyMap<string, string>,
    lineAt: LineAt,
    signal: AbortSignal | undefined,
  ): Promise<TurnRecords> {
    const records = new TurnRecords(turn, edited, links);
    for (const place of turn.nested) {
      signal?.throwIfAborted();
      records.#add(place, readNestedRecord((await lineAt(place)).bytes));
    }
    return records;
  }

  /** Returns the script that a link names for a call, or else all scripts that were running when codex recorded the call. */
  scriptsOf(callId: string, at: number): Script[] {
    const itemId = this.#links.get(callId);
    const linked = this.#turn.scripts.filter((script) => itemId !== undefined && script.itemId === itemId);
    return linked.length > 0
      ? linked
      : this.#turn.scripts.filter((script) => script.offset < at && at < outputOffsetOf(script));
  }

  /** Returns the keys of results that must stay, of a script or of the whole turn. An equal text in an output may be one of them. */
  textsKept(script?: Script): Set<string> {
    const kept = new Set<string>();
    for (const { callId, offset } of script === undefined ? this.#turn.nested : this.#calls(script)) {
      const record = this.#records.get(offset);
      if (record !== undefined && !record.isEdited && !this.#edited.has(callId))
        for (const text of record.texts) kept.add(text);
    }
    return kept;
  }

  /** Returns whether each call that the script may have made is to be edited, or was edited before. */
  areAllEdited(script: Script): boolean {
    return this.#calls(script).every(
      ({ callId, offset }) => this.#edited.has(callId) || this.#records.get(offset)?.isEdited,
    );
  }

  /** Returns whether exactly one edited record of the turn has this text. */
  isOnlyOneWith(text: string): boolean {
    const key = keyOf(text);
    const withIt = [...this.#records.values()].filter(({ isEdited, texts }) => isEdited && texts.includes(key));
    return withIt.length === 1;
  }

  #calls(script: Script): readonly NestedPlace[] {
    return this.#callsOf.get(script) ?? [];
  }

  #add(place: NestedPlace, record: NestedRecord | undefined): void {
    for (const script of this.scriptsOf(place.callId, place.offset)) {
      const calls = this.#callsOf.get(script);
      if (calls === undefined) this.#callsOf.set(script, [place]);
      else calls.push(place);
    }
    if (record === undefined) return;
    const texts = resultsOf(record).map(({ text }) => keyOf(text));
    this.#records.set(place.offset, { isEdited: record.state === "edited", texts });
  }
}
