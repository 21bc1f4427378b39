import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { findRollout, parseRolloutName, RolloutError, rolloutFilesBelow, threadIdInFirstLine } from "@plexum/rollout";
import { codexHomeOf, isThreadId } from "@plexum/session-store";
import { CodexSessionsError } from "../errors.ts";
import { readGrowing } from "../files/growing-file.ts";
import { hasContent } from "../files/has-content.ts";
import { HISTORY_NAME, takePrompt } from "../files/prompt-history.ts";
import { readHead } from "../record/read-head.ts";
import { isSessionId } from "./session-id.ts";

export interface FindSessionOptions {
  /** Where codex keeps its files. Default: `CODEX_HOME`, otherwise `~/.codex`. */
  readonly codexHome?: string;
  readonly signal?: AbortSignal;
}

/** One session, with what its rollout's first line says. */
export interface FoundSession {
  readonly id: string;
  /** The rollout that codex would resume it from. Undefined if the session is only in `history.jsonl`. */
  readonly file: string | undefined;
  /** The folder in which the session started. */
  readonly cwd: string | undefined;
  readonly archived: boolean;
  readonly compressed: boolean;
  /** For a thread that codex started itself: the thread that it works for, if codex records it. */
  readonly parentId: string | undefined;
  /** For a thread that codex started itself: its role, such as `subagent` or `review`. */
  readonly role: string | undefined;
}

/** The most ids that a message lists. */
const MAX_NAMED = 10;
/** The number of first lines read between two pauses. */
const BATCH = 64;

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/**
 * Finds a session by its id, or by the beginning of its id if that is unique. Returns undefined if this home has no such session.
 *
 * Uses codex's own index and file names first. Reads first lines only if a name has no id, such as for a file that someone has
 * renamed. Every session that `listSessions` returns is found.
 *
 * @throws CodexSessionsError `ambiguous_session_id`, with the matching ids; RolloutError; the reason of an aborted `signal`.
 */
export async function findSession(
  idOrPrefix: string,
  options: FindSessionOptions = {},
): Promise<FoundSession | undefined> {
  const { signal } = options;
  const codexHome = resolve(options.codexHome ?? codexHomeOf(process.env));
  const text = idOrPrefix.trim();
  if (!isSessionId(text)) return undefined;
  const folded = text.toLowerCase();
  signal?.throwIfAborted();
  if (isThreadId(folded)) {
    const found = await headOf(codexHome, folded, signal);
    if (found !== undefined) return found;
  }
  const failures: unknown[] = [];
  const files = filesBelow(codexHome, failures, signal);
  const meant = (id: string | undefined) => id?.toLowerCase().startsWith(folded) === true;
  let candidates = byThread(
    files
      .filter(({ name }) => meant(idInName(name)))
      .map(({ path, name }) => ({ path, id: threadIdInFirstLine(path) ?? idInName(name) ?? "" })),
  );
  for (const id of candidates.keys()) if (!meant(id)) candidates.delete(id);
  const nameless = files.filter(({ name }) => idInName(name) === undefined);
  for (const [id, paths] of await byFirstLine(nameless, meant, signal))
    candidates.set(id, [...(candidates.get(id) ?? []), ...paths]);
  const prompted = await promptedIds(codexHome, signal);
  for (const id of prompted) if (meant(id) && !candidates.has(id)) candidates.set(id, []);
  // A file's name may contain no id, or that of another thread: the file's content decides.
  if (Array.from(candidates.values()).every((paths) => paths.length === 0)) {
    const others = await byFirstLine(files, meant, signal);
    candidates = new Map([...candidates, ...others]);
  }
  const exact = Array.from(candidates.keys()).find((id) => id.toLowerCase() === folded);
  const ids = exact === undefined ? [...candidates.keys()] : [exact];
  const [id] = ids;
  if (id === undefined && failures.length > 0) throw failures[0];
  if (id === undefined) return undefined;
  if (ids.length > 1) throw ambiguous(text, ids);
  const found = await headOf(codexHome, id, signal);
  if (found !== undefined) return found;
  const path = newest(candidates.get(id) ?? []);
  return path === undefined ? { ...NO_ROLLOUT, id } : describe(codexHome, id, path, signal);
}

const NO_ROLLOUT: Omit<FoundSession, "id"> = {
  file: undefined,
  cwd: undefined,
  archived: false,
  compressed: false,
  parentId: undefined,
  role: undefined,
};

function ambiguous(text: string, ids: readonly string[]): CodexSessionsError {
  const named = ids.toSorted().slice(0, MAX_NAMED).join("\n  ");
  const more = ids.length > MAX_NAMED ? `\n  and ${ids.length - MAX_NAMED} more` : "";
  return new CodexSessionsError(
    "ambiguous_session_id",
    `The ids of ${ids.length} sessions begin with ${text}. Give a longer part of the id:\n  ${named}${more}`,
  );
}

async function headOf(codexHome: string, id: string, signal?: AbortSignal): Promise<FoundSession | undefined> {
  const rollout = await findRollout(id, { codexHome, ...(signal && { signal }) }).catch((error: unknown) => {
    if (RolloutError.isInstance(error)) return undefined;
    throw error;
  });
  return rollout && hasContent(rollout.path) ? describe(codexHome, id, rollout.path, signal) : undefined;
}

async function describe(codexHome: string, id: string, path: string, signal?: AbortSignal): Promise<FoundSession> {
  // A file that can't be read is returned, too. Reading it later reports the reason.
  const head = await readHead(path, signal).catch(() => undefined);
  signal?.throwIfAborted();
  return {
    id,
    file: path,
    cwd: head?.cwd,
    archived: path.startsWith(join(codexHome, "archived_sessions/")),
    compressed: path.endsWith(".zst"),
    parentId: head?.origin?.parentId,
    role: head?.origin?.role,
  };
}

interface File {
  readonly path: string;
  readonly name: string;
}

/** Returns all rollouts. Skips folders that can't be listed, since the session may be elsewhere. */
function filesBelow(codexHome: string, failures: unknown[], signal?: AbortSignal): File[] {
  const files: File[] = [];
  for (const { folder, names } of rolloutFilesBelow(codexHome, (error) => failures.push(error))) {
    for (const name of names) files.push({ path: join(folder, name), name });
    signal?.throwIfAborted();
  }
  return files;
}

const idInName = (name: string): string | undefined => parseRolloutName(name)?.threadId ?? UUID.exec(name)?.[0];

function byThread(files: readonly { path: string; id: string }[]): Map<string, string[]> {
  const threads = new Map<string, string[]>();
  for (const { path, id } of files) if (hasContent(path)) threads.set(id, [...(threads.get(id) ?? []), path]);
  return threads;
}

async function byFirstLine(
  files: readonly File[],
  meant: (id: string | undefined) => boolean,
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const found: { path: string; id: string }[] = [];
  for (const [number, { path }] of files.entries()) {
    const id = path.endsWith(".zst") ? await compressedId(path, signal) : threadIdInFirstLine(path);
    if (id !== undefined && meant(id)) found.push({ path, id });
    if (number % BATCH < BATCH - 1) continue;
    await setImmediate();
    signal?.throwIfAborted();
  }
  return byThread(found);
}

/** Opens a compressed file only if it was renamed. The names of the others are right, since codex compressed them itself. */
async function compressedId(path: string, signal?: AbortSignal): Promise<string | undefined> {
  if (parseRolloutName(path.slice(path.lastIndexOf("/") + 1)) !== undefined) return undefined;
  return (await readHead(path, signal).catch(() => undefined))?.id;
}

async function promptedIds(codexHome: string, signal?: AbortSignal): Promise<string[]> {
  const read = await readGrowing(codexHome, HISTORY_NAME, undefined, takePrompt, signal).catch(() => {
    signal?.throwIfAborted();
    return undefined;
  });
  return Object.keys(read?.entries ?? {});
}

function newest(paths: readonly string[]): string | undefined {
  const times = paths.map((path) => ({ path, time: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }));
  return times.toSorted((a, b) => b.time - a.time)[0]?.path;
}
