import type { BigIntStats } from "node:fs";
import { sameFile } from "@plexum/jsonl-edit";
import { hashOf, type LinePlace } from "./call-table.ts";
import type { ThreadScan } from "./thread-scan.ts";

/** A line's place in its file. */
export interface PlaceInFile {
  readonly offset: number;
  readonly length: number;
}

/** What is known about one file: where the lines of some calls are in the part that was read. */
export interface FilePlaces {
  readonly stat: BigIntStats;
  /** The part that was read, up to the end of a line. */
  readonly start: number;
  readonly end: number;
  /** Returns the lines that may name a call: those of another call with the same hash too. Returns undefined for an unknown call. */
  linesOf(callId: string): readonly PlaceInFile[] | undefined;
  /** Compactions and lines that could not be read. They may belong to any call. */
  readonly ofAnyCall: readonly PlaceInFile[];
  readonly lastCompaction: number | undefined;
  readonly lastRollback: number | undefined;
  readonly lastCount: PlaceInFile | undefined;
}

/** Only this package reads the content of a `CallPlaces`. */
let filesOf: (places: CallPlaces) => readonly FilePlaces[];

/** Where the lines of some calls are in the files of their thread. Pass it to `mutateRollout`, which then need not search for them. */
export class CallPlaces {
  readonly #files: readonly FilePlaces[];

  /** @internal */
  constructor(scan: ThreadScan, callIds: Iterable<string>) {
    const hashes = new Map(Array.from(callIds, (callId) => [callId, hashOf(callId)]));
    const lines = scan.files.map(() => new Map<number, PlaceInFile[]>());
    for (const { idHash, place } of scan.calls.linesNaming(new Set(hashes.values()))) {
      const known = lines[place.segment]?.get(idHash);
      if (known === undefined) lines[place.segment]?.set(idHash, [inFile(place)]);
      else known.push(inFile(place));
    }
    const compactions = scan.compactions.map(({ place }) => place);
    this.#files = scan.files.map(({ stat, start, end }, segment) => {
      const here = (places: readonly LinePlace[]) => places.filter((place) => place.segment === segment).map(inFile);
      const count = scan.lastCount?.segment === segment ? scan.lastCount : undefined;
      return {
        stat,
        start,
        end,
        linesOf: linesBy(hashes, lines[segment] ?? new Map()),
        ofAnyCall: here([...compactions, ...scan.unread]),
        lastCompaction: here(compactions).at(-1)?.offset,
        lastRollback: here(scan.rollbacks).at(-1)?.offset,
        lastCount: count && inFile(count),
      };
    });
  }

  static {
    filesOf = (places) => places.#files;
  }
}

/** Returns what is known about a file. Returns undefined if the file was not read, or has become shorter since. */
export const placesOfFile = (places: CallPlaces | undefined, stat: BigIntStats | undefined): FilePlaces | undefined =>
  places && filesOf(places).find((file) => sameFile(file.stat, stat) && stat !== undefined && stat.size >= file.end);

/** Outside of the constructor, since a function created there would keep the whole scan in memory. */
const linesBy =
  (hashes: ReadonlyMap<string, number>, lines: ReadonlyMap<number, PlaceInFile[]>) =>
  (callId: string): readonly PlaceInFile[] | undefined => {
    const hash = hashes.get(callId);
    return hash === undefined ? undefined : (lines.get(hash) ?? []);
  };

const inFile = ({ offset, length }: LinePlace): PlaceInFile => ({ offset, length });
