import { setTimeout as delay } from "node:timers/promises";

/** Waits until a condition is true. Throws if it does not become true in time. */
export async function eventually(what: string, look: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!look()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await delay(10);
  }
}
