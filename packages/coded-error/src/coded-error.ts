const BRAND = Symbol.for("@plexum/coded-error");

/**
 * Base class for a package's errors. A subclass passes its own name, lists its codes as a type, and adds a static
 * `isInstance`: an application may have two copies of a package installed, and `instanceof` fails for the errors of the
 * other copy.
 */
export class CodedError<Code extends string> extends Error {
  /** What went wrong, in snake_case, for programs. `message` tells people what to do about it. */
  readonly code: Code;

  /** @param name The subclass's name. Passed in, not read from the class, because a bundler may rename classes. */
  constructor(name: string, code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.code = code;
    // Not enumerable, so that it does not appear when the error is printed.
    Object.defineProperty(this, BRAND, { value: name });
  }
}

/** Returns whether a value is a `CodedError` with this name, created by any installed copy of this package. */
export function isCodedError(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && BRAND in value && value[BRAND] === name;
}

/** Returns the message of an error, or any other thrown value as a string. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns the `code` of a thrown value, as Node's errors and coded errors have, if it is a string. */
export function codeOf(thrown: unknown): string | undefined {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : undefined;
}
