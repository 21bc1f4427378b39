import type { LogLevel } from "@plexum/plugin-sdk";
import { plain } from "./plain.ts";

/** Writes to the host's log. The workspace is already one of the fields. */
export type Log = (level: LogLevel, message: string, fields?: Record<string, unknown>) => void;

/** Limits for one turn's debug and warning lines in the host's log. */
export interface LogLimits {
  /** The longest text in a line, and the longest field, in characters. The rest is truncated. */
  readonly maxText: number;
  /** How many lines are accepted at once, and after that per second. */
  readonly burst: number;
  readonly perSecond: number;
  /** The limit for the whole turn, in characters, because lines that the host does not read stay in memory. */
  readonly maxTotal: number;
}

export const LOG_LIMITS: LogLimits = { maxText: 8192, burst: 2000, perSecond: 200, maxTotal: 16 * 1024 * 1024 };

/** A log that the output of codex, its tools and its model server can neither flood nor forge. Disposing of it logs how many lines were dropped. */
export class LimitedLog implements Disposable {
  readonly #write: Log;
  readonly #limits: LogLimits;
  readonly #now: () => number;
  #room: number;
  #since: number;
  #total = 0;
  #dropped = 0;

  /** @param now Returns milliseconds of a monotonic clock. */
  constructor(write: Log, limits: LogLimits = LOG_LIMITS, now: () => number = () => performance.now()) {
    this.#write = write;
    this.#limits = limits;
    this.#now = now;
    this.#room = limits.burst;
    this.#since = now();
  }

  /** Lines of the levels `info` and `error` are few and the plugin's own, so they are never dropped. */
  readonly log: Log = (level, message, fields) => {
    const line = [this.#text(message), fields === undefined ? undefined : this.#fields(fields)] as const;
    if ((level === "debug" || level === "warning") && !this.#hasRoomFor(line)) {
      this.#dropped++;
      return;
    }
    this.#reportDropped();
    this.#write(level, ...line);
  };

  [Symbol.dispose](): void {
    this.#reportDropped();
  }

  #hasRoomFor(line: readonly [string, object | undefined]): boolean {
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
      `${dropped} ${dropped === 1 ? "log line was" : "log lines were"} dropped: codex wrote more than the limit`,
      { dropped },
    );
  }

  #text(text: string): string {
    const { maxText } = this.#limits;
    // Truncate first, to avoid processing the rest.
    return text.length <= maxText ? plain(text) : `${plain(text.slice(0, maxText))}…`;
  }

  #fields(fields: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? this.#text(value) : value]),
    );
  }
}
