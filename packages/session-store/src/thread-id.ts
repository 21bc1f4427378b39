import { SessionStoreError } from "./errors.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Returns whether `codex exec resume` treats a text as an id. It treats anything else as a name and silently begins a new thread (0.135.0 to 0.169.0). */
export const isThreadId = (text: string): boolean => UUID.test(text);

/** Returns the id in lower case. @throws SessionStoreError `invalid_thread_id`. */
export function checkedThreadId(text: string): string {
  if (isThreadId(text)) return text.toLowerCase();
  throw new SessionStoreError(
    "invalid_thread_id",
    `${JSON.stringify(text.slice(0, 80))} is not a thread id: pass the UUID from codex's "thread.started" event. For another CLI, set idPattern.`,
  );
}
