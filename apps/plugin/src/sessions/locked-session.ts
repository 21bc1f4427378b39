import { guardAgainstWriters, homesOfRollout } from "@plexum/rollout";
import { isThreadId, SessionStoreError } from "@plexum/session-store";
import { ThreadLocks } from "../thread-locks.ts";
import type { KnownSession } from "./known-session.ts";
import { SessionsError } from "./sessions-error.ts";

const WAIT_MS = 2_000;

export interface LockedSession extends AsyncDisposable {
  /** Whether codex has the thread loaded. Changes in place are safe, and codex sees them when it loads the thread again. */
  readonly isOpen: boolean;
}

/**
 * Locks a thread against the plugin's turns, and against codex if codex does not have it open yet (codex 0.147 and later, on Linux).
 * @throws SessionsError if a turn is running on it.
 */
export async function lockSession({ codexHome, id, file }: KnownSession): Promise<LockedSession> {
  await using stack = new AsyncDisposableStack();
  if (isThreadId(id)) {
    try {
      const locks = stack.use(await ThreadLocks.acquire(codexHome, id, { waitMs: WAIT_MS }));
      await locks.acquireForRollout(file);
    } catch (error) {
      if (!SessionStoreError.isInstance(error) || error.code !== "busy") throw error;
      throw new SessionsError(
        `nothing was changed: the plugin is running a turn in the session ${id}; wait for its end and try again`,
      );
    }
  }
  const guard = stack.use(await guardAgainstWriters(homesOfRollout(codexHome, file), id, file));
  const held = stack.move();
  return { isOpen: guard.state === "active", [Symbol.asyncDispose]: () => held.disposeAsync() };
}

export const OPEN_NOTE =
  "Codex has this session open. The file was changed safely, but that codex\ncontinues with what it has loaded: quit it, and resume the session.";
