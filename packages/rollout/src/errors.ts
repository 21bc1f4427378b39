import { CodedError, isCodedError } from "@plexum/coded-error";
import { asJsonlEditError, isErrno, JsonlEditError } from "@plexum/jsonl-edit";

export { isErrno };

/**
 * - `not_found`: there is no such file, or a file that a thread's history goes on in is gone.
 * - `not_a_file`: a directory, a pipe or a device.
 * - `not_permitted`: this user may not read or change it, or the file system is read-only.
 * - `no_space`: the disk is full, or a quota or size limit is reached.
 * - `busy`: another mutation of the same rollout is under way, or codex writes to its index.
 * - `replaced`: the file was replaced, shortened or removed while it was being worked on.
 * - `damaged`: the content is not what it must be, such as a compressed rollout that can't be decompressed.
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
  /** The file it is about. */
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

/** Turns what the file system or jsonl-edit threw into a `RolloutError`; leaves other errors, such as an abort, as they are. */
export function asRolloutError(error: unknown, path: string, doing: string): unknown {
  if (RolloutError.isInstance(error)) return error;
  const typed = asJsonlEditError(error, path, doing);
  if (!JsonlEditError.isInstance(typed)) return typed;
  return new RolloutError(typed.code, typed.path, typed.message, { cause: typed.cause ?? typed });
}
