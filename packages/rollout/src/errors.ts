import { CodedError, isCodedError } from "@plexum/coded-error";
import { asJsonlEditError, isErrno, JsonlEditError } from "@plexum/jsonl-edit";

export { isErrno };

/**
 * - `not_found`: the file does not exist, or a file that the thread's history continues from does not exist.
 * - `not_a_file`: a directory, a pipe or a device.
 * - `not_permitted`: this user may not read or change it, or the file system is read-only.
 * - `no_space`: the disk is full, or a quota or size limit is reached.
 * - `busy`: another mutation of the same rollout is in progress, or codex is writing to its index.
 * - `replaced`: the file was replaced, shortened or removed during the operation.
 * - `damaged`: the content is invalid, such as a compressed rollout that can't be decompressed.
 * - `io`: any other failure of the file system; see `cause`.
 */
export type RolloutErrorCode =
  | "not_found"
  | "not_a_file"
  | "not_permitted"
  | "no_space"
  | "busy"
  | "replaced"
  | "damaged"
  | "io";

export class RolloutError extends CodedError<RolloutErrorCode> {
  /** The file that the error is about. */
  readonly path: string;

  constructor(code: RolloutErrorCode, path: string, message: string, options?: ErrorOptions) {
    super("RolloutError", code, message, options);
    this.path = path;
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is RolloutError {
    return isCodedError(value, "RolloutError");
  }
}

/** Turns an error of the file system or of jsonl-edit into a `RolloutError`. Returns other errors, such as an abort, unchanged. */
export function asRolloutError(error: unknown, path: string, doing: string): unknown {
  if (RolloutError.isInstance(error)) return error;
  const typed = asJsonlEditError(error, path, doing);
  if (!JsonlEditError.isInstance(typed)) return typed;
  return new RolloutError(typed.code, typed.path, typed.message, { cause: typed.cause ?? typed });
}
