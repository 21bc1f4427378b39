/** The maximum of setTimeout (2^31 - 1 ms, about 24.8 days). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Returns the result of `work`, unless it takes longer than `ms` or the signal is aborted. Then it aborts the work's own
 * signal and does not wait. A later result or error of the work is dropped.
 *
 * @throws the error that `onTimeout` returns; the signal's reason; any error of the work.
 */
export async function withTimeLimit<T>(
  ms: number,
  signal: AbortSignal | undefined,
  onTimeout: () => Error,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const timeLimit = new AbortController();
  const either = signal === undefined ? timeLimit.signal : AbortSignal.any([signal, timeLimit.signal]);
  const ended = Promise.withResolvers<never>();
  const end = () => ended.reject(either.reason);
  either.addEventListener("abort", end, { once: true });
  const timer = setTimeout(() => timeLimit.abort(onTimeout()), Math.min(ms, MAX_TIMEOUT_MS));
  try {
    return await Promise.race([work(either), ended.promise]);
  } finally {
    clearTimeout(timer);
    either.removeEventListener("abort", end);
  }
}
