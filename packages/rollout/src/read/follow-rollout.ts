import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type LineLimit, LineSplitter } from "@plexum/jsonl";
import { asRolloutError, isErrno, RolloutError } from "../errors.ts";
import { recoverBeforeReading } from "../recover/recover-rollout.ts";
import { chunksOf, openToRead } from "./open-rollout.ts";
import { type RolloutEntry, toRolloutEntry } from "./rollout-entry.ts";

export interface FollowRolloutOptions extends LineLimit {
  /**
   * The offset at which to begin. It must be the beginning of a line.
   * @default 0
   */
  readonly from?: number;
  /** Stops following, after yielding what is in the file by then. To stop at once, exit the loop. */
  readonly signal?: AbortSignal;
  /**
   * How often to check the file, for file systems that don't report changes. In milliseconds.
   * @default 1_000
   */
  readonly pollIntervalMs?: number;
}

/**
 * Yields the lines of a rollout as codex appends them. The file and its directories need not exist yet. An unfinished last line is
 * held until it is complete. Sleeps until the system reports a change.
 *
 * @throws RolloutError `replaced` if the file is replaced or shortened, since its lines are elsewhere then; `not_a_file`,
 * `not_permitted`, `io`.
 */
export async function* followRollout(
  path: string,
  options: FollowRolloutOptions = {},
): AsyncGenerator<RolloutEntry, void, undefined> {
  const { from = 0, signal, pollIntervalMs = 1_000, maxLineBytes } = options;
  await recoverBeforeReading(path);
  const splitter = new LineSplitter({ startOffset: from, ...(maxLineBytes === undefined ? {} : { maxLineBytes }) });
  using changes = new Changes(path, pollIntervalMs, signal);
  let position = from;
  let followed: { ino: bigint; dev: bigint } | undefined;
  for (;;) {
    // Set up before the file is read, so that a change during the read is not missed.
    const change = changes.next();
    const isLast = signal?.aborted ?? false;
    try {
      await using file = await openToRead(path);
      const { size, ino, dev } = await file.stat({ bigint: true });
      const end = Number(size);
      followed ??= { ino, dev };
      if (followed.ino !== ino || followed.dev !== dev || end < position)
        throw new RolloutError("replaced", path, `${path} was replaced or shortened; read it again`);
      for await (const chunk of chunksOf(file, path, position, end)) {
        position += chunk.length;
        for (const split of splitter.write(chunk)) {
          const entry = toRolloutEntry(path, split);
          if (entry !== undefined) yield entry;
        }
      }
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw asRolloutError(error, path, "follow");
    }
    if (isLast) return;
    await change;
  }
}

/** Waits for a file to change. Uses the system's notifications, and a timer in case there are none. */
class Changes implements Disposable {
  readonly #path: string;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  #watcher: FSWatcher | undefined;
  /** The path that is watched: the file, or the nearest directory above it that exists. */
  #watched = "";
  #wake = () => {};
  #disposed = false;

  constructor(path: string, pollIntervalMs: number, signal: AbortSignal | undefined) {
    this.#path = path;
    this.#signal = signal;
    this.#timer = setInterval(() => this.#wake(), pollIntervalMs);
    signal?.addEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = () => this.#wake();

  /** Resolves at the next change, also one of a directory above the file. */
  async next(): Promise<void> {
    const changed = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await this.#watchNearest();
    if (this.#signal?.aborted) return;
    await changed;
  }

  async #watchNearest(): Promise<void> {
    let target = this.#path;
    while (!(await exists(target)) && dirname(target) !== target) target = dirname(target);
    if (target === this.#watched || this.#disposed) return;
    this.#watcher?.close();
    this.#watched = target;
    try {
      this.#watcher = watch(target, { persistent: false }, () => this.#wake());
      // Removing a watched file ends the watch. The timer finds the file that replaces it.
      this.#watcher.on("error", () => this.#unwatch());
      // The file may have been created after the check and before the watch.
      this.#wake();
    } catch {
      this.#unwatch();
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watched = "";
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    clearInterval(this.#timer);
    this.#unwatch();
    this.#wake();
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
