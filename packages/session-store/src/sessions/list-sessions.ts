import { join, resolve } from "node:path";
import { cacheFolder as defaultCacheFolder } from "../cache-folder.ts";
import { codexHomeOf } from "../locks.ts";
import { HISTORY_NAME, type PromptedSession, type PromptHistory, readPromptHistory } from "./prompt-history.ts";
import { type RolloutFile, rolloutFiles } from "./rollout-files.ts";
import { countMessages, inheritMessages, messageCount, type RolloutRecord, readRecord } from "./rollout-record.ts";
import { SessionIndex } from "./session-index.ts";
import { groupByThread, headOf, newestFileOf, type Thread, type ThreadFile } from "./threads.ts";

export interface ListSessionsOptions {
  /** Default: `CODEX_HOME`, else `~/.codex`. */
  readonly codexHome?: string;
  /** Where the index is kept. Default: `plexum-codex` in the user's cache folder. */
  readonly cacheFolder?: string;
  /** Only sessions with this text, in whatever case, in their id, folder or last message as listed. */
  readonly filter?: string;
  /** From 1 to 50, default 10. What is less or more is taken for the nearest of these. */
  readonly limit?: number;
  /** Whether archived sessions are listed too. Default true. */
  readonly archived?: boolean;
  readonly signal?: AbortSignal;
}

export interface Session {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
  /** What the user said last: trimmed, and if it is longer than 140 characters cut to that, with `...`. */
  readonly lastMessage: string | undefined;
  /** The folder in which the session began. */
  readonly cwd: string | undefined;
  /** The rollout that codex would resume it from. Undefined if only `history.jsonl` knows the session. */
  readonly file: string | undefined;
  /** How often the user has said something. */
  readonly messageCount: number;
  readonly archived: boolean;
  readonly compressed: boolean;
}

export interface SessionList {
  /** Newest first. */
  readonly sessions: Session[];
  /** What could not be read, for a person. */
  readonly warnings: string[];
}

/** A session as far as it is known before its rollout is read. */
interface Candidate {
  readonly id: string;
  readonly thread: Thread | undefined;
  readonly prompted: PromptedSession | undefined;
  /** It was not used after this, in milliseconds since 1970. */
  readonly bound: number;
}

/** A session of which all is known but the count of its messages. */
interface Found {
  readonly session: Session;
  readonly time: number;
  /** Unless `history.jsonl` tells the count. */
  readonly uncounted: { readonly file: RolloutFile; readonly record: RolloutRecord } | undefined;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;
/** Rollouts read at a time. */
const BATCH = 8;
/** How much earlier than its last line's time a file's time of change may be: that of some file systems is in steps of 2 s. */
const CLOCK_STEP_MS = 2_000;

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * The newest codex sessions of a machine: those of `history.jsonl` and those of the rollouts, as one list.
 *
 * Of all rollouts it asks the system how large they are and when they were changed, and reads from the latest on until none of the
 * rest can be newer than what it has. What it has read it keeps in an index.
 *
 * @throws the reason of an aborted `signal`, and nothing else: what can't be read is a warning.
 */
export async function listSessions(options: ListSessionsOptions = {}): Promise<SessionList> {
  options.signal?.throwIfAborted();
  const codexHome = resolve(options.codexHome ?? codexHomeOf(process.env));
  const index = await SessionIndex.load(options.cacheFolder ?? defaultCacheFolder(), codexHome);
  const lister = new Lister(codexHome, index, options);
  const sessions = await lister.list(clampedLimit(options.limit));
  return { sessions, warnings: lister.warnings };
}

const clampedLimit = (limit: number = DEFAULT_LIMIT) =>
  Number.isNaN(limit) ? DEFAULT_LIMIT : Math.min(MAX_LIMIT, Math.max(1, Math.floor(limit)));

class Lister {
  readonly warnings: string[] = [];
  readonly #codexHome: string;
  readonly #index: SessionIndex;
  readonly #filter: string;
  readonly #archived: boolean;
  readonly #signal: AbortSignal | undefined;

  constructor(codexHome: string, index: SessionIndex, { filter = "", archived = true, signal }: ListSessionsOptions) {
    this.#codexHome = codexHome;
    this.#index = index;
    this.#filter = filter.toLowerCase();
    this.#archived = archived;
    this.#signal = signal;
  }

  async list(limit: number): Promise<Session[]> {
    const files = await rolloutFiles(this.#codexHome, (warning) => this.warnings.push(warning), this.#signal);
    const candidates = this.#candidates(groupByThread(await this.#identified(files)), await this.#prompts());
    let newest: Found[] = [];
    for (let next = 0, size = 0; next < candidates.length; next += size) {
      const last = newest[limit - 1];
      if (last !== undefined && last.time >= (candidates[next]?.bound ?? 0)) break;
      // Without a filter nearly all that are read are listed: no more than that.
      const missing = limit - newest.length;
      size = this.#filter === "" && missing > 0 ? Math.min(missing, BATCH) : BATCH;
      const batch = candidates.slice(next, next + size).map((candidate) => this.#find(candidate));
      newest = newestOf([...newest, ...(await Promise.all(batch)).filter((found) => found !== undefined)], limit);
    }
    const sessions: Session[] = [];
    for (let next = 0; next < newest.length; next += BATCH)
      sessions.push(...(await Promise.all(newest.slice(next, next + BATCH).map((found) => this.#counted(found)))));
    await this.#index.save([HISTORY_NAME, ...files.map((file) => file.name)]);
    return sessions;
  }

  /** Who has renamed a rollout has left its first line to tell the thread. */
  async #identified(files: readonly RolloutFile[]): Promise<ThreadFile[]> {
    const identified: ThreadFile[] = [];
    for (const file of files) {
      if (isIdentified(file)) {
        identified.push(file);
        continue;
      }
      const threadId = (await this.#record(file))?.head?.id ?? UUID.exec(file.name)?.[0];
      if (threadId !== undefined) identified.push({ ...file, threadId });
      else this.#warn(file.path, "neither its name nor its first line tells which thread it is of");
    }
    return identified;
  }

  async #prompts(): Promise<PromptHistory["sessions"]> {
    try {
      const history = await readPromptHistory(this.#codexHome, this.#index.get(HISTORY_NAME), this.#signal);
      if (history === undefined) return {};
      this.#index.set(HISTORY_NAME, history);
      if (history.damaged > 0) this.#warn(join(this.#codexHome, HISTORY_NAME), `${history.damaged} lines are damaged`);
      return history.sessions;
    } catch (error) {
      this.#failed(join(this.#codexHome, HISTORY_NAME), error);
      return {};
    }
  }

  /** The latest first. */
  #candidates(threads: readonly Thread[], prompts: PromptHistory["sessions"]): Candidate[] {
    const rest = new Map(Object.entries(prompts));
    const candidates = threads.map((thread): Candidate => {
      const { id } = thread;
      const prompted = rest.get(id);
      rest.delete(id);
      return {
        id,
        thread,
        prompted,
        bound: prompted === undefined ? thread.mtimeMs + CLOCK_STEP_MS : prompted.ts * 1_000,
      };
    });
    for (const [id, prompted] of rest) candidates.push({ id, thread: undefined, prompted, bound: prompted.ts * 1_000 });
    return candidates.sort((a, b) => b.bound - a.bound);
  }

  /** Undefined if it is not to be listed. */
  async #find({ id, thread, prompted }: Candidate): Promise<Found | undefined> {
    const file = thread && (await this.#head(thread));
    if (file?.archived && !this.#archived) return undefined;
    let record = file && (await this.#record(file));
    if (prompted === undefined) {
      if (file === undefined || record === undefined) return undefined;
      if (record.head === undefined) this.#warn(file.path, "it does not begin as a rollout does");
      if (record.head === undefined && record.timestamp === undefined) return undefined;
      if (record.lastMessage === undefined) record = await this.#inherited(file, record);
    }
    const time = prompted === undefined ? (record?.timestamp ?? file?.mtimeMs ?? 0) : prompted.ts * 1_000;
    const session: Session = {
      id: record?.head?.id ?? id,
      updatedAt: new Date(time).toISOString(),
      lastMessage:
        prompted === undefined ? (record?.lastMessage ?? record?.inherited?.lastMessage) : prompted.lastMessage,
      cwd: record?.head?.cwd,
      file: file?.path,
      messageCount: prompted?.count ?? 0,
      archived: file?.archived ?? false,
      compressed: file?.compressed ?? false,
    };
    if (!this.#matches(session)) return undefined;
    return { session, time, uncounted: prompted === undefined && file && record ? { file, record } : undefined };
  }

  #matches({ id, cwd = "", lastMessage = "" }: Session): boolean {
    return [id, cwd, lastMessage].some((text) => text.toLowerCase().includes(this.#filter));
  }

  async #counted({ session, uncounted }: Found): Promise<Session> {
    if (uncounted === undefined) return session;
    const { file } = uncounted;
    let record = await this.#inherited(file, uncounted.record);
    try {
      record = await countMessages(file, record, this.#signal);
      this.#index.set(file.name, record);
    } catch (error) {
      this.#failed(file.path, error);
    }
    return { ...session, messageCount: messageCount(record) };
  }

  async #head(thread: Thread): Promise<ThreadFile> {
    try {
      return await headOf(thread, this.#codexHome, this.#signal);
    } catch (error) {
      const newest = newestFileOf(thread);
      this.#failed(newest.path, error);
      return newest;
    }
  }

  /** Undefined, with a warning, if the file can't be read. */
  async #record(file: RolloutFile): Promise<RolloutRecord | undefined> {
    try {
      const record = await readRecord(file, this.#index.get(file.name), this.#signal);
      this.#index.set(file.name, record);
      return record;
    } catch (error) {
      this.#failed(file.path, error);
      return undefined;
    }
  }

  async #inherited(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    try {
      const inherited = await inheritMessages(file, record, this.#codexHome, this.#signal);
      this.#index.set(file.name, inherited);
      return inherited;
    } catch (error) {
      this.#failed(file.path, error);
      return record;
    }
  }

  #failed(path: string, error: unknown): void {
    this.#signal?.throwIfAborted();
    this.#warn(path, (error as Error).message);
  }

  #warn(path: string, message: string): void {
    const warning = message.includes(path) ? message : `${path}: ${message}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}

const isIdentified = (file: RolloutFile): file is ThreadFile => file.threadId !== undefined;

/** Each once: a copy of a rollout under another thread's name tells the same id. */
function newestOf(found: readonly Found[], limit: number): Found[] {
  const seen = new Set<string>();
  return found
    .toSorted((a, b) => b.time - a.time || (a.session.id < b.session.id ? 1 : -1))
    .filter(({ session: { id } }) => !seen.has(id) && seen.add(id))
    .slice(0, limit);
}
