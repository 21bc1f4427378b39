import type { Random } from "./random.ts";

/** How the model makes its calls: itself, or from inside scripts (codex's code mode). */
export const MODES = ["direct", "code"] as const;
export type Mode = (typeof MODES)[number];

/** What a script does with the results of its calls. */
export const HANDLINGS = {
  raw: 4,
  /** In the middle of a longer text. */
  framed: 2,
  /** Escaped, with everything else that the tool returned. */
  json: 3,
  /** In a notification, and then in its own output. */
  notified: 2,
  /** Reversed, so that the result can't be found in the output. */
  changed: 2,
} as const;

export interface PlannedScript {
  readonly handling: keyof typeof HANDLINGS;
  /** Whether it makes its calls at once. */
  readonly isParallel: boolean;
}

export const planScript = (random: Random): PlannedScript => ({
  handling: random.weighted(HANDLINGS),
  isParallel: random.chance(0.4),
});
