/** The longest delay of setTimeout (about 24.8 days): it turns a longer one into 1 ms. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
