import { type RecordedEnd, RolloutEnd } from "./rollout-end.ts";
import { readThreadStatus } from "./wire.ts";

/** How long the turn must be silent before the rollout is checked, in milliseconds. */
const SILENT_MS = 2000;

const CHECK_EVERY_MS = 1000;

export interface SilenceWatchOptions {
  /** The thread's rollout; undefined if codex did not say where it is. */
  readonly path: string | undefined;
  readonly turnId: string;
  readonly stallMs: number;
  /** Whether something is running that may be silent. */
  readonly isWorking: () => boolean;
  /** Whether codex's output is currently not being read. */
  readonly isPaused: () => boolean;
  /** Asks codex for the state of the thread. */
  readonly ask: () => Promise<unknown>;
  /** Called when the rollout records the turn's end and codex has not reported it. */
  readonly onRecordedEnd: (end: RecordedEnd) => void;
  /** Called when nothing at all has happened for `stallMs`. */
  readonly onStall: (detail: string) => void;
}

/**
 * Watches a silent turn. It trusts what codex records more than what codex reports: the notification of a turn's end sometimes
 * gets lost, and a silent turn may still be working.
 */
export class SilenceWatch {
  readonly #options: SilenceWatchOptions;
  readonly #rollout: RolloutEnd | undefined;
  readonly #timer: NodeJS.Timeout;
  #lastHeard = performance.now();
  #recorded: RecordedEnd | undefined;
  #isChecking = false;
  #isStopped = false;

  constructor(options: SilenceWatchOptions) {
    this.#options = options;
    const { path, turnId } = options;
    this.#rollout = path === undefined ? undefined : new RolloutEnd(path, turnId);
    this.#timer = setInterval(() => void this.#check(), CHECK_EVERY_MS).unref();
  }

  /** Resets the silence: something happened. */
  heard(): void {
    this.#lastHeard = performance.now();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    // While codex waits for its output to be read, it can't report anything.
    if (this.#options.isPaused()) this.heard();
    if (this.#isChecking || performance.now() - this.#lastHeard < SILENT_MS) return;
    this.#isChecking = true;
    try {
      await this.#checkNow();
    } finally {
      this.#isChecking = false;
    }
  }

  async #checkNow(): Promise<void> {
    const { isWorking, stallMs, onRecordedEnd, onStall } = this.#options;
    const lastHeard = this.#lastHeard;
    const recorded = await this.#rollout?.check();
    this.#recorded ??= recorded?.end;
    // A notification that arrived during the check may be the first of many: a process that was suspended reads all of them at once.
    if (this.#isStopped || this.#lastHeard !== lastHeard) return;
    if (this.#recorded !== undefined) {
      onRecordedEnd(this.#recorded);
      return;
    }
    if (recorded?.hasGrown || isWorking()) this.heard();
    if (performance.now() - this.#lastHeard < stallMs) return;
    const detail = await this.#askCodex();
    this.#recorded = (await this.#rollout?.check())?.end;
    if (this.#isStopped || this.#lastHeard !== lastHeard) return;
    if (this.#recorded !== undefined) onRecordedEnd(this.#recorded);
    else onStall(detail);
  }

  async #askCodex(): Promise<string> {
    try {
      return `codex says that the thread is ${readThreadStatus(await this.#options.ask()) ?? "in no known state"}`;
    } catch (error) {
      return `codex does not answer: ${(error as Error).message}`;
    }
  }
}
