import type { SkippedEdit } from "@plexum/rollout";
import { plain } from "../plain.ts";
import { print } from "./print.ts";

/** How many of the calls that are skipped for the same reason are named. */
const MAX_NAMED = 3;

/** Prints which calls were left unchanged, and why: one line for each reason. */
export function printSkipped(skipped: readonly SkippedEdit[]): void {
  for (const [message, calls] of Map.groupBy(skipped, ({ message }) => message)) {
    const named = calls.slice(0, MAX_NAMED).map(({ callId }) => callId);
    const more = calls.length > MAX_NAMED ? ` and ${calls.length - MAX_NAMED} more` : "";
    print(plain(`left ${named.join(", ")}${more}: ${message}`));
  }
}
