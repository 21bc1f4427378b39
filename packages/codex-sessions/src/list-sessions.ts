import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { codexHomeOf, cacheFolder as defaultCacheFolder } from "@plexum/session-store";
import { type GrowingFile, readGrowing, type TakeLine } from "./files/growing-file.ts";
import { HISTORY_NAME, type PromptedSession, takePrompt } from "./files/prompt-history.ts";
import { type RolloutFile, rolloutFiles } from "./files/rollout-files.ts";
import { SessionIndex } from "./files/session-index.ts";
import { NAMES_NAME, takeName } from "./files/thread-names.ts";
import { withContinuation } from "./record/read-head.ts";
import {
  countMessages,
  inheritMessages,
  messageCount,
  type RolloutRecord,
  readRecord,
  saidCount,
  withGuard,
} from "./record/rollout-record.ts";
import { groupByThread, headOf, misnamedFiles, newestFileOf, type Thread, type ThreadFile } from "./threads.ts";

export interface ListSessionsOptions {
  /** Where codex keeps its files. Default: `CODEX_HOME`, otherwise `~/.codex`. */
  readonly codexHome?: string;
  /** Where the index is kept. Default: `plexum-codex` in the user's cache folder. */
  readonly cacheFolder?: string;
  /** Lists only sessions with this text in their id, title, folder or listed last message, ignoring case. */
  readonly filter?: string;
  /** The maximum number of sessions, from 1 to 50. Other numbers are clamped. @default 10 */
  readonly limit?: number;
  /** Whether archived sessions are listed too. @default true */
  readonly archived?: boolean;
  /** Whether the threads that codex starts itself are listed too: sub-agents, reviews, guardians. @default false */
  readonly subagents?: boolean;
  /** Aborts the call; its reason is thrown. */
  readonly signal?: AbortSignal;
}

export interface Session {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
  /** The name that the user gave it. */
  readonly title: string | undefined;
  /** The user's last message: trimmed, and cut to 140 characters with `...` if it is longer. */
  readonly lastMessage: string | undefined;
  /** The folder in which the session started. */
  readonly cwd: string | undefined;
  /** The rollout that codex would resume it from. Undefined if the session is only in `history.jsonl`. */
  readonly file: string | undefined;
  /** The number of the user's messages, without those that were reverted. */
  readonly messageCount: number;
  readonly archived: boolean;
  readonly compressed: boolean;
  /** For a thread that codex started itself: the thread that it works for, if codex records it. */
  readonly parentId: string | undefined;
  /** For a thread that codex started itself: its role, such as `subagent` or `review`. */
  readonly role: string | undefined;
}

export interface SessionList {
  /** Newest first. */
  readonly sessions: Session[];
  /** What could not be read, for the user. */
  readonly warnings: string[];
}

/** What is known about a session before its rollout is read. */
interface Candidate {
  readonly id: string;
  readonly thread: Thread | undefined;
  readonly prompted: PromptedSession | undefined;
  /** The latest time at which it can have been used, in milliseconds since 1970. */
  readonly bound: number;
}

/** A session of which everything is known except the count of its messages. */
interface Found {
  readonly session: Session;
  readonly time: number;
  readonly prompted: PromptedSession | undefined;
  readonly rollout: { readonly file: RolloutFile; readonly record: RolloutRecord } | undefined;
}

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 50;
/** The number of rollouts read at once. */
const BATCH = 8;
/** How much earlier than its last line's time a file's modification time may be. Some file systems store it in steps of 2 s. */
const CLOCK_STEP_MS = 2_000;

/** How long the list may run before other work gets a turn, in milliseconds. */
const BREATH_MS = 8;

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * Lists the newest codex sessions on a machine: those in `history.jsonl` and those in the rollouts, as one list.
 *
 * Gets the size and the modification time of all rollouts. Then reads from the latest on, until no other one can be newer than those
 * found. Keeps the results in an index.
 *
 * @throws only the reason of an aborted `signal`. A file that can't be read causes a warning.
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
  readonly #subagents: boolean;
  readonly #signal: AbortSignal | undefined;
  #names: Readonly<Record<string, string>> = {};

  constructor(codexHome: string, index: SessionIndex, options: ListSessionsOptions) {
    const { filter = "", archived = true, subagents = false, signal } = options;
    this.#codexHome = codexHome;
    this.#index = index;
    this.#filter = filter.toLowerCase();
    this.#archived = archived;
    this.#subagents = subagents;
    this.#signal = signal;
  }

  async list(limit: number): Promise<Session[]> {
    const files = await rolloutFiles(this.#codexHome, (warning) => this.warnings.push(warning), this.#signal);
    const prompts = await this.#entries(HISTORY_NAME, takePrompt);
    this.#names = await this.#entries(NAMES_NAME, takeName);
    const candidates = this.#candidates(groupByThread(await this.#identified(files)), prompts);
    let newest: Found[] = [];
    let breath = performance.now();
    for (let next = 0, size = 0; next < candidates.length; next += size) {
      const last = newest[limit - 1];
      if (last !== undefined && last.time >= (candidates[next]?.bound ?? 0)) break;
      // Without a filter, nearly every session that is read is listed, so read no more than are missing.
      const missing = limit - newest.length;
      size = this.#filter === "" && missing > 0 ? Math.min(missing, BATCH) : BATCH;
      const batch = candidates.slice(next, next + size).map((candidate) => this.#find(candidate));
      const found = (await Promise.all(batch)).flat();
      if (found.length > 0) newest = newestOf([...newest, ...found], limit);
      if (performance.now() - breath < BREATH_MS) continue;
      await setImmediate();
      this.#signal?.throwIfAborted();
      breath = performance.now();
    }
    const sessions: Session[] = [];
    for (let next = 0; next < newest.length; next += BATCH)
      sessions.push(...(await Promise.all(newest.slice(next, next + BATCH).map((found) => this.#counted(found)))));
    await this.#index.save([HISTORY_NAME, NAMES_NAME, ...files.map((file) => file.name)]);
    return sessions;
  }

  /** Adds the thread id to each file. For a renamed rollout it is read from the first line. */
  async #identified(files: readonly RolloutFile[]): Promise<ThreadFile[]> {
    const identified: ThreadFile[] = [];
    for (const file of files) {
      if (isIdentified(file)) {
        identified.push(file);
        continue;
      }
      const threadId = (await this.#record(file))?.head?.id ?? UUID.exec(file.name)?.[0];
      if (threadId !== undefined) identified.push({ ...file, threadId });
      else this.#warn(file.path, "neither its name nor its first line says which thread it belongs to");
    }
    return identified;
  }

  async #entries<Entry>(name: string, take: TakeLine<Entry>): Promise<Readonly<Record<string, Entry>>> {
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
      if (read.stored.damaged > 0) this.#warn(path, `${read.stored.damaged} lines are damaged`);
      return read.entries;
    } catch (error) {
      this.#failed(path, error);
      return {};
    }
  }

  /** Returns the candidates, latest first. */
  #candidates(threads: readonly Thread[], prompts: Readonly<Record<string, PromptedSession>>): Candidate[] {
    const rest = new Map(Object.entries(prompts));
    const candidates = threads.map((thread): Candidate => {
      const { id } = thread;
      const prompted = rest.get(id);
      rest.delete(id);
      return {
        id,
        thread,
        prompted,
        bound: Math.max(thread.mtimeMs + CLOCK_STEP_MS, (prompted?.ts ?? 0) * 1_000),
      };
    });
    for (const [id, prompted] of rest) candidates.push({ id, thread: undefined, prompted, bound: prompted.ts * 1_000 });
    return candidates.sort((a, b) => b.bound - a.bound);
  }

  /** Returns none if the session should not be listed, and more than one if a file named after the thread contains another. */
  async #find({ id, thread, prompted }: Candidate): Promise<Found[]> {
    const found: Found[] = [];
    let own = thread;
    for (const other of thread === undefined ? [] : misnamedFiles(thread)) {
      const [first, ...rest] = own?.files.filter((file) => file !== other.file) ?? [];
      own = own && first && { ...own, files: [first, ...rest] };
      found.push(...(await this.#findFile(other.id, other.file, undefined)));
    }
    return [...found, ...(await this.#findFile(id, own && (await this.#head(own)), prompted))];
  }

  async #findFile(id: string, file: ThreadFile | undefined, prompted: PromptedSession | undefined): Promise<Found[]> {
    if (file === undefined) return this.#foundIn(id, prompted, undefined);
    let record = await this.#record(file);
    // Codex can't resume a thread from an empty file.
    if (file.size === 0) this.#warn(file.path, "it is empty");
    else if (record !== undefined && record.head === undefined)
      this.#warn(file.path, "it does not begin like a rollout");
    if (record === undefined || (record.head === undefined && record.timestamp === undefined))
      return this.#foundIn(id, prompted, undefined);
    if (record.isTakenBack || record.lastMessage === undefined) record = await this.#replayed(file, record);
    const { head } = record;
    if (head === undefined || head.id === id) return this.#foundIn(id, prompted, { file, record });
    return [...this.#foundIn(head.id, undefined, { file, record }), ...this.#foundIn(id, prompted, undefined)];
  }

  #foundIn(id: string, prompted: PromptedSession | undefined, rollout: Found["rollout"]): Found[] {
    if (prompted === undefined && rollout === undefined) return [];
    const { file, record } = rollout ?? {};
    const origin = record?.head?.origin;
    if ((file?.archived && !this.#archived) || (origin !== undefined && !this.#subagents)) return [];
    const worked = record?.timestamp ?? file?.mtimeMs ?? Number.NEGATIVE_INFINITY;
    const typed = prompted === undefined ? Number.NEGATIVE_INFINITY : prompted.ts * 1_000;
    const written = record?.lastMessage ?? record?.inherited?.lastMessage;
    if (record?.isUnread && file) this.#warn(file.path, "its last message is too long to be read");
    const title = this.#names[id] || undefined;
    const cwd = record?.head?.cwd;
    // The later message of the two. Codex also writes a typed message to the rollout, a moment after it is typed.
    const lastMessage = typed > worked ? (prompted?.lastMessage ?? written) : (written ?? prompted?.lastMessage);
    // Check this before any further work: with a filter, most sessions don't match.
    if (![id, title, cwd, lastMessage].some((text) => this.#matches(text))) return [];
    const time = Math.max(worked, typed);
    const session: Session = {
      id,
      updatedAt: new Date(time).toISOString(),
      title,
      lastMessage,
      cwd,
      file: file?.path,
      messageCount: prompted?.count ?? 0,
      archived: file?.archived ?? false,
      compressed: file?.compressed ?? false,
      parentId: origin?.parentId,
      role: origin?.role,
    };
    return [{ session, time, prompted, rollout }];
  }

  #matches(text = ""): boolean {
    return this.#filter === "" || text.toLowerCase().includes(this.#filter);
  }

  async #counted({ session, rollout, prompted }: Found): Promise<Session> {
    if (rollout === undefined) return session;
    const { file } = rollout;
    let record = await this.#inherited(file, rollout.record);
    record = await this.#kept(file, record, async (before) =>
      withGuard(file, await countMessages(file, before, this.#codexHome, this.#signal)),
    );
    // Typed messages are in the rollout too, unless codex has lost them.
    const unrecorded = Math.max(0, (prompted?.count ?? 0) - saidCount(record));
    return { ...session, messageCount: messageCount(record) + unrecorded };
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

  /** Reads a file's record. Returns undefined, with a warning, if the file can't be read. */
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

  /** Reads more of the thread, for a file whose end does not contain the last message. */
  async #replayed(file: RolloutFile, record: RolloutRecord): Promise<RolloutRecord> {
    if (!record.isTakenBack) return this.#inherited(file, record);
    const whole = await this.#kept(file, record, (before) => this.#continued(file, before));
    return this.#kept(file, whole, (before) => countMessages(file, before, this.#codexHome, this.#signal));
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
    this.#warn(path, (error as Error).message);
  }

  #warn(path: string, message: string): void {
    const warning = message.includes(path) ? message : `${path}: ${message}`;
    if (!this.warnings.includes(warning)) this.warnings.push(warning);
  }
}

const isIdentified = (file: RolloutFile): file is ThreadFile => file.threadId !== undefined;

/** Returns the newest sessions, each once: a copy of a rollout under another thread's name has the same id. */
function newestOf(found: readonly Found[], limit: number): Found[] {
  const seen = new Set<string>();
  return found
    .toSorted((a, b) => b.time - a.time || (a.session.id < b.session.id ? 1 : -1))
    .filter(({ session: { id } }) => !seen.has(id) && seen.add(id))
    .slice(0, limit);
}
