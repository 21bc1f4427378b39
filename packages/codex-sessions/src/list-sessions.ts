import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { codexHomeOf, cacheFolder as defaultCacheFolder } from "@plexum/session-store";
import { IndexedFiles } from "./files/indexed-files.ts";
import { HISTORY_NAME, type PromptedSession, takePrompt } from "./files/prompt-history.ts";
import type { RolloutFile } from "./files/rollout-files.ts";
import { SessionIndex } from "./files/session-index.ts";
import { NAMES_NAME, takeName } from "./files/thread-names.ts";
import { messageCount, type RolloutRecord, totalMessageCount } from "./record/rollout-record.ts";
import { groupByThread, misnamedFiles, type Thread, type ThreadFile } from "./threads.ts";

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
const PAUSE_EVERY_MS = 8;

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
  const files = new IndexedFiles(codexHome, index, options.signal);
  const sessions = await new Lister(files, options).list(clampedLimit(options.limit));
  return { sessions, warnings: files.warnings };
}

const clampedLimit = (limit: number = DEFAULT_LIMIT) =>
  Number.isNaN(limit) ? DEFAULT_LIMIT : Math.min(MAX_LIMIT, Math.max(1, Math.floor(limit)));

/** Chooses the newest sessions that match the options, and reads as few rollouts as possible for that. */
class Lister {
  readonly #files: IndexedFiles;
  readonly #filter: string;
  readonly #archived: boolean;
  readonly #subagents: boolean;
  readonly #signal: AbortSignal | undefined;
  #names: Readonly<Record<string, string>> = {};

  constructor(files: IndexedFiles, options: ListSessionsOptions) {
    const { filter = "", archived = true, subagents = false, signal } = options;
    this.#files = files;
    this.#filter = filter.toLowerCase();
    this.#archived = archived;
    this.#subagents = subagents;
    this.#signal = signal;
  }

  async list(limit: number): Promise<Session[]> {
    const rollouts = await this.#files.rollouts();
    const prompts = await this.#files.entries(HISTORY_NAME, takePrompt);
    this.#names = await this.#files.entries(NAMES_NAME, takeName);
    const candidates = this.#candidates(groupByThread(await this.#identified(rollouts)), prompts);
    let newest: Found[] = [];
    let lastPause = performance.now();
    for (let next = 0, size = 0; next < candidates.length; next += size) {
      const last = newest[limit - 1];
      if (last !== undefined && last.time >= (candidates[next]?.bound ?? 0)) break;
      // Without a filter, nearly every session that is read is listed, so read no more than are missing.
      const missing = limit - newest.length;
      size = this.#filter === "" && missing > 0 ? Math.min(missing, BATCH) : BATCH;
      const batch = candidates.slice(next, next + size).map((candidate) => this.#find(candidate));
      const found = (await Promise.all(batch)).flat();
      if (found.length > 0) newest = newestOf([...newest, ...found], limit);
      if (performance.now() - lastPause < PAUSE_EVERY_MS) continue;
      await setImmediate();
      this.#signal?.throwIfAborted();
      lastPause = performance.now();
    }
    const sessions: Session[] = [];
    for (let next = 0; next < newest.length; next += BATCH)
      sessions.push(...(await Promise.all(newest.slice(next, next + BATCH).map((found) => this.#counted(found)))));
    await this.#files.save([HISTORY_NAME, NAMES_NAME, ...rollouts.map((file) => file.name)]);
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
      const threadId = (await this.#files.record(file))?.head?.id ?? UUID.exec(file.name)?.[0];
      if (threadId !== undefined) identified.push({ ...file, threadId });
      else this.#files.warn(file.path, "neither its name nor its first line says which thread it belongs to");
    }
    return identified;
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
    return [...found, ...(await this.#findFile(id, own && (await this.#files.headOf(own)), prompted))];
  }

  async #findFile(id: string, file: ThreadFile | undefined, prompted: PromptedSession | undefined): Promise<Found[]> {
    if (file === undefined) return this.#foundIn(id, prompted, undefined);
    let record = await this.#files.record(file);
    // Codex can't resume a thread from an empty file.
    if (file.size === 0) this.#files.warn(file.path, "it is empty");
    else if (record !== undefined && record.head === undefined)
      this.#files.warn(file.path, "it does not begin like a rollout");
    if (record === undefined || (record.head === undefined && record.timestamp === undefined))
      return this.#foundIn(id, prompted, undefined);
    if (record.hasRemovals || record.lastMessage === undefined) record = await this.#files.replayed(file, record);
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
    if (record?.isUnread && file) this.#files.warn(file.path, "its last message is too long to be read");
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
    const record = await this.#files.counted(rollout.file, rollout.record);
    // Typed messages are in the rollout too, unless codex has lost them.
    const unrecorded = Math.max(0, (prompted?.count ?? 0) - totalMessageCount(record));
    return { ...session, messageCount: messageCount(record) + unrecorded };
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
