/** The longest delay of setTimeout (about 24.8 days): it turns a longer one into 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Returns a time limit that a timer can keep: whole milliseconds, and 24.8 days for anything longer, including `Infinity`.
 * @throws RangeError if it is less than 0, or not a number.
 */
export function timeLimit(name: string, ms: number): number {
  if (!(ms >= 0)) throw new RangeError(`${name} must be a number of milliseconds, not ${ms}`);
  return Math.min(Math.ceil(ms), MAX_TIMER_MS);
}
