import { setTimeout as delay } from "node:timers/promises";

/** Waits until a condition is true. Returns whether it became true in time. */
export async function becomesTrue(look: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!(await look())) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}
