import { SessionStoreError } from "./errors.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether `codex exec resume` takes it for an id. Anything else it takes for a name, and begins a new thread in silence (0.135.0 to 0.169.0). */
export const isThreadId = (text: string): boolean => UUID.test(text);

/** @throws SessionStoreError `invalid_thread_id`. */
export function checkedThreadId(text: string): string {
  if (isThreadId(text)) return text.toLowerCase();
  throw new SessionStoreError(
    "invalid_thread_id",
    `${JSON.stringify(text.slice(0, 80))} is not a thread id: that is a UUID, as codex's "thread.started" gives it. For another CLI, set idPattern.`,
  );
}
