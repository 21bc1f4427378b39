import { isSessionId } from "../find/session-id.ts";

/** What a rollout's first line says about its thread. */
export interface RolloutHead {
  readonly id: string;
  readonly cwd: string | undefined;
  /** True if the thread continues from a part of another file: it was forked or reverted. Undefined if the line was not read that far. */
  readonly continues: boolean | undefined;
  /** Undefined for a thread that the user started. */
  readonly origin: ThreadOrigin | undefined;
}

/** The origin of a thread that codex started itself: a sub-agent, a review, a guardian. */
interface ThreadOrigin {
  /** The thread that it works for, if codex says which. */
  readonly parentId: string | undefined;
  /** The agent's role as the user named it, else codex's word for it: `subagent`, `review`, `guardian`. */
  readonly role: string;
}

// biome-ignore lint/suspicious/noExplicitAny: what a file holds, looked at field by field.
type Loose = any;

/** It is followed by the long text that makes the line some 22 KB long, and by little else. */
const LONG_KEY = Buffer.from(',"base_instructions"');
const HISTORY_BASE = Buffer.from('"history_base"');

/**
 * Reads a first line. Returns undefined if it is not the kind of line that a rollout begins with.
 * @param isWhole False if the file has more of this line.
 */
export function headOf(line: Buffer, isWhole = true): RolloutHead | undefined {
  const cut = line.indexOf(LONG_KEY);
  if (cut !== -1 && !line.includes(HISTORY_BASE, cut)) {
    const head = parsed(`${line.toString("utf8", 0, cut)}}}`);
    // For a sub-agent, the line has more after the long text.
    if (head !== undefined && (head.origin === undefined || !isWhole))
      return { ...head, continues: isWhole ? false : head.continues || undefined };
  }
  return isWhole ? parsed(line.toString("utf8")) : undefined;
}

/** The number of ends that are tried. There are some twenty keys (0.169). */
const MAX_TRIED = 32;

/** Reads the beginning of a first line that is too long to be read completely, up to the last key that is complete. */
export function beginningOf(line: Buffer): RolloutHead | undefined {
  const text = line.toString("utf8");
  const ends = Array.from(text.matchAll(/,\s*"/g), ({ index }) => index);
  for (const end of ends.slice(-MAX_TRIED).reverse()) {
    const head = parsed(`${text.slice(0, end)}}}`);
    if (head !== undefined) return { ...head, continues: head.continues || undefined };
  }
  return undefined;
}

function parsed(text: string): RolloutHead | undefined {
  try {
    const { type, payload } = JSON.parse(text);
    if (type !== "session_meta" || !isSessionId(payload?.id)) return undefined;
    return {
      id: payload.id,
      cwd: typeof payload.cwd === "string" ? payload.cwd : undefined,
      continues: payload.history_base != null,
      origin: originOf(payload),
    };
  } catch {
    return undefined;
  }
}

/** Values of `thread_source` for threads that codex started itself (0.135 to 0.169; `codex exec` can set others). */
const OWN_SOURCES = new Set(["subagent", "internal", "memory_consolidation"]);

/**
 * `source` is `"exec"`, `"cli"` and the like for a user's thread; `{"subagent": …}` or `{"internal": …}` for one of codex's
 * (0.135 to 0.169).
 */
function originOf(payload: Loose): ThreadOrigin | undefined {
  const { source, thread_source: threadSource } = payload;
  const own = source?.subagent ?? source?.internal ?? (OWN_SOURCES.has(source) ? source : undefined);
  if (own == null && !OWN_SOURCES.has(threadSource)) return undefined;
  const spawn = own?.thread_spawn;
  const id = [spawn?.parent_thread_id, payload.parent_thread_id, payload.forked_from_id].find(isSessionId);
  return { parentId: id, role: roleOf(payload, own) ?? "subagent" };
}

function roleOf(payload: Loose, own: Loose): string | undefined {
  const spawn = own?.thread_spawn;
  const named = [spawn?.agent_role, payload.agent_role, own, own?.other];
  return named.find((role) => typeof role === "string" && role !== "");
}
