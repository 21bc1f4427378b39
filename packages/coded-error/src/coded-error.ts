const BRAND = Symbol.for("@plexum/coded-error");

/**
 * The base of a package's error class. A subclass passes its own name, lists its codes as a type, and adds an `isInstance`:
 * an application can have two copies of a package installed, and `instanceof` is false for the errors of the other.
 */
export class CodedError<Code extends string> extends Error {
  /** What went wrong, in snake_case, for programs. `message` says what to do about it, for people. */
  readonly code: Code;

  /** @param name The subclass's name: part of its contract, so not read from a class that a bundler may rename. */
  constructor(name: string, code: Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = name;
    this.code = code;
    // Not enumerable, so that it does not show where an error is printed.
    Object.defineProperty(this, BRAND, { value: name });
  }
}

/** Whether a value is an error that a subclass of `CodedError`, of any installed copy, made under this name. */
export function isCodedError(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && BRAND in value && value[BRAND] === name;
}

/** The message of an error, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` that Node's errors and coded errors carry, where it is a word. */
export function codeOf(thrown: unknown): string | undefined {
  const code = typeof thrown === "object" && thrown !== null && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : undefined;
}
