import { join } from "node:path";
import { withContinuation } from "../record/read-head.ts";
import { countMessages, inheritMessages, type RolloutRecord, readRecord, withGuard } from "../record/rollout-record.ts";
import { headOf, newestFileOf, type Thread, type ThreadFile } from "../threads.ts";
import { type GrowingFile, readGrowing, type TakeLine } from "./growing-file.ts";
import { type RolloutFile, rolloutFiles } from "./rollout-files.ts";
import type { SessionIndex } from "./session-index.ts";

/**
 * Reads the files of a codex home by way of an index, so that no part of a file is read twice. A file that can't be read causes a
 * warning; only the reason of an aborted signal is thrown.
 */
export class IndexedFiles {
  /** What could not be read, for the user. */
  readonly warnings: string[] = [];
  readonly #codexHome: string;
  readonly #index: SessionIndex;
  readonly #signal: AbortSignal | undefined;

  constructor(codexHome: string, index: SessionIndex, signal: AbortSignal | undefined) {
    this.#codexHome = codexHome;
    this.#index = index;
    this.#signal = signal;
  }

  /** Returns all rollouts. */
  rollouts(): Promise<RolloutFile[]> {
    return rolloutFiles(this.#codexHome, (warning) => this.warnings.push(warning), this.#signal);
  }

  /** Saves the index, with the records of these files only. */
  save(names: Iterable<string>): Promise<void> {
    return this.#index.save(names);
  }

  /** Returns the entries of a file to which codex only appends; none if there is no such file. */
  async entries<Entry>(name: string, take: TakeLine<Entry>): Promise<Readonly<Record<string, Entry>>> {
    const path = join(this.#codexHome, name);
    try {
      const read = await readGrowing(
        this.#codexHome,
        name,
        this.#index.get<GrowingFile<Entry>>(name),
        take,
        this.#signal,
      );
      if (read === undefined) return {};
      this.#index.set(name, read.stored);
      if (read.stored.damaged > 0) this.warn(path, `${read.stored.damaged} lines are damaged`);
      return read.entries;
    } catch (error) {
      this.#failed(path, error);
      return {};
    }
  }

  /** Returns the file that codex would resume the thread from. */
  async headOf(thread: Thread): Promise<ThreadFile> {
    try {
      return await headOf(thread, this.#codexHome, this.#signal);
    } catch (error) {
      const newest = newestFileOf(thread);
      this.#failed(newest.path, error);
      return newest;
    }
  }

  /** Reads a file's record. Returns undefined, with a warning, if the file can't be read. */
  async record(file: RolloutFile): Promise<RolloutRecord | undefined> {
    try {
      const record = await readRecord(file, this.#index.get(file.name), this.#signal);
      this.#index.set(file.name, record);
      return record;
    } catch (error) {
      this.#failed(file.path, error);
      return undefined;
    }
  }

  /** Reads more of the thread, for a file whose end does not contain the last message. */
  async replayed(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    if (!record.hasRemovals) return this.#inherited(file, record);
    const whole = await this.#kept(file, record, (before) => this.#continued(file, before));
    return this.#kept(file, whole, (before) => countMessages(file, before, this.#codexHome, this.#signal));
  }

  /** Adds the number of messages to a file's record. */
  async counted(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    const inherited = await this.#inherited(file, record);
    return this.#kept(file, inherited, async (before) =>
      withGuard(file, await countMessages(file, before, this.#codexHome, this.#signal)),
    );
  }

  async #inherited(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    const whole = await this.#kept(file, record, (before) => this.#continued(file, before));
    return this.#kept(file, whole, (before) => inheritMessages(file, before, this.#codexHome, this.#signal));
  }

  async #continued(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    if (record.head === undefined) return record;
    const head = await withContinuation(file.path, record.head, this.#signal);
    return head === record.head ? record : { ...record, head };
  }

  /** Adds to a file's record and keeps it in the index. If that fails, returns the old record, with a warning. */
  async #kept(
    file: RolloutFile,
    record: RolloutRecord,
    learn: (record: RolloutRecord) => Promise<RolloutRecord>,
  ): Promise<RolloutRecord> {
    try {
      const learned = await learn(record);
      this.#index.set(file.name, learned);
      return learned;
    } catch (error) {
      this.#failed(file.path, error);
      return record;
    }
  }

  #failed(path: string, error: unknown): void {
    this.#signal?.throwIfAborted();
    this.warn(path, (error as Error).message);
  }

  /** Adds a warning about a file, once. */
  warn(path: string, message: string): void {
    const warning = message.includes(path) ? message : `${path}: ${message}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}
