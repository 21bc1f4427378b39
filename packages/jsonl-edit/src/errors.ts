import { CodedError, isCodedError } from "@plexum/coded-error";

/**
 * - `not_found`: the file does not exist, or was removed during the edit.
 * - `not_a_file`: a directory, a pipe or a device.
 * - `not_permitted`: this user may not read or change it, or the file system is read-only.
 * - `no_space`: the disk is full, or a quota or size limit is reached.
 * - `busy`: another edit of the same file is in progress.
 * - `replaced`: the file was replaced, shortened or removed during the edit.
 * - `io`: any other failure of the file system; see `cause`.
 */
export type JsonlEditErrorCode = "not_found" | "not_a_file" | "not_permitted" | "no_space" | "busy" | "replaced" | "io";

/** An error of an edit. Its `code` says what happened. */
export class JsonlEditError extends CodedError<JsonlEditErrorCode> {
  /** The file that the error is about. */
  readonly path: string;

  constructor(code: JsonlEditErrorCode, path: string, message: string, options?: ErrorOptions) {
    super("JsonlEditError", code, message, options);
    this.path = path;
  }

  /** Like `instanceof`, and also true for errors of another installed copy of this package. */
  static isInstance(value: unknown): value is JsonlEditError {
    return isCodedError(value, "JsonlEditError");
  }
}

const CODES: Record<string, [JsonlEditErrorCode, string]> = {
  ENOENT: ["not_found", "it does not exist"],
  ENOTDIR: ["not_found", "a part of its path is not a directory"],
  EISDIR: ["not_a_file", "it is a directory; name a file"],
  ENXIO: ["not_a_file", "it is a socket; name a file"],
  EACCES: ["not_permitted", "this user is not permitted to; check the permissions of the file and its directory"],
  EPERM: ["not_permitted", "this user is not permitted to; check the permissions of the file and its directory"],
  EROFS: ["not_permitted", "its file system is read-only"],
  ENOSPC: ["no_space", "the disk is full; free some space and try again"],
  EDQUOT: ["no_space", "the disk quota is used up; free some space and try again"],
  EFBIG: ["no_space", "the file would become larger than allowed"],
};

/** Turns an error of the file system into a `JsonlEditError`. Returns other errors, such as an abort, unchanged. */
export function asJsonlEditError(error: unknown, path: string, doing: string): unknown {
  if (JsonlEditError.isInstance(error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error;
  const [kind, advice] = CODES[code] ?? ["io", message];
  return new JsonlEditError(kind, path, `can't ${doing} ${path}: ${advice}`, { cause: error });
}

/** Returns true for a system error with one of these codes, such as `ENOENT`. */
export const isErrno = (error: unknown, ...codes: string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException | undefined)?.code ?? "");
