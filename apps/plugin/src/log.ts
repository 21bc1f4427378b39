import type { LogLevel } from "@plexum/plugin-sdk";
import { plain } from "./plain.ts";

/** Writes to the host's log; the workspace is among the fields already. */
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

/** How much of one turn's debug and warning lines reaches the host's log. */
export interface LogLimits {
  /** The longest text in a line; the rest is cut off. In characters, also for each field. */
  readonly maxText: number;
  /** So many lines are taken at once, and then so many a second. */
  readonly burst: number;
  readonly perSecond: number;
  /** In all of the turn, in characters: a host that reads nothing has to be held in memory. */
  readonly maxTotal: number;
}

export const LOG_LIMITS: LogLimits = { maxText: 8192, burst: 2000, perSecond: 200, maxTotal: 16 * 1024 * 1024 };

/** A log that what codex, its tools and its model server write can neither flood nor forge. Dispose of it to say what was left out. */
export class LimitedLog implements Disposable {
  readonly #write: Log;
  readonly #limits: LogLimits;
  readonly #now: () => number;
  #room: number;
  #since: number;
  #total = 0;
  #dropped = 0;

  /** @param now Milliseconds, by any clock that never goes back. */
  constructor(write: Log, limits: LogLimits = LOG_LIMITS, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#limits = limits;
    this.#now = now;
    this.#room = limits.burst;
    this.#since = now();
  }

  /** Lines of the levels `info` and `error` are the plugin's own and few: they are never left out. */
  readonly log: Log = (level, message, fields) => {
    const line = [this.#text(message), fields === undefined ? undefined : this.#fields(fields)] as const;
    if ((level === "debug" || level === "warning") && !this.#takes(line)) {
      this.#dropped++;
      return;
    }
    this.#reportDropped();
    this.#write(level, ...line);
  };

  [Symbol.dispose](): void {
    this.#reportDropped();
  }

  #takes(line: readonly [string, object | undefined]): boolean {
    const { burst, perSecond, maxTotal } = this.#limits;
    const now = this.#now();
    this.#room = Math.min(burst, this.#room + ((now - this.#since) / 1000) * perSecond);
    this.#since = now;
    const size = line[0].length + (line[1] === undefined ? 0 : (JSON.stringify(line[1])?.length ?? 0));
    if (this.#room < 1 || this.#total + size > maxTotal) return false;
    this.#room--;
    this.#total += size;
    return true;
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#write(
      "warning",
      `${dropped} ${dropped === 1 ? "line was" : "lines were"} left out of the log: codex wrote more than it takes`,
      { dropped },
    );
  }

  #text(text: string): string {
    const { maxText } = this.#limits;
    // Cut first: what is cut off is not worth the work.
    return text.length <= maxText ? plain(text) : `${plain(text.slice(0, maxText))}…`;
  }

  #fields(fields: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? this.#text(value) : value]),
    );
  }
}
