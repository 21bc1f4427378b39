/** setTimeout takes no more (about 24.8 days): of more it makes 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A time limit as a timer can keep it: whole milliseconds, of longer ones, `Infinity` too, 24.8 days.
 * @throws RangeError if it is less than 0, or no number.
 */
export function timeLimit(name: string, ms: number): number {
  if (!(ms >= 0)) throw new RangeError(`${name} must be a number of milliseconds, not ${ms}`);
  return Math.min(Math.ceil(ms), MAX_TIMER_MS);
}
