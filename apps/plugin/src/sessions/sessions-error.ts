/** Ends a subcommand with one line on stderr and exit code 1. */
export class SessionsError extends Error {
  override readonly name = "SessionsError";
  readonly #isUsage: boolean;

  /** @param isUsage Whether the arguments are wrong. */
  constructor(message: string, isUsage = false) {
    super(message);
    this.#isUsage = isUsage;
  }

  static isUsage(error: unknown): error is SessionsError {
    return error instanceof SessionsError && error.#isUsage;
  }
}

/** Parses an option that is a whole number. Undefined if it was not given. */
export function wholeNumber(option: string, value: string | undefined, min: number, max = Number.MAX_SAFE_INTEGER) {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= min && number <= max) return number;
  const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
  throw new SessionsError(`${option} must be a whole number ${range}, not ${JSON.stringify(value)}`, true);
}
