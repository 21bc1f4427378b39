/** The longest delay that setTimeout accepts (about 24.8 days). */
export const MAX_TIMER_MS = 2 ** 31 - 1;
