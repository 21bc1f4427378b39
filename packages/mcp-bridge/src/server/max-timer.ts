/** setTimeout takes no more (about 24.8 days): of more it makes 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
