import { setTimeout as delay } from "node:timers/promises";
import type { AppServer } from "./app-server.ts";
import { METHODS } from "./wire.ts";

/** How long codex may take to unload a thread, in milliseconds: it takes 2 to 10. */
const UNLOAD_TIMEOUT_MS = 2000;

/**
 * Unloads a thread, so that nothing holds its lock. Returns false if codex does not do that in time.
 * @param closed Resolves when codex reports that the thread is closed.
 */
export async function unloadThread(server: AppServer, threadId: string, closed: Promise<void>): Promise<boolean> {
  try {
    await server.request(METHODS.unsubscribe, { threadId }, { timeoutMs: UNLOAD_TIMEOUT_MS });
  } catch {
    return false;
  }
  const late = delay(UNLOAD_TIMEOUT_MS, "late" as const, { ref: false });
  return (await Promise.race([closed, late])) !== "late";
}
