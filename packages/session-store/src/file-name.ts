import { basename, win32 } from "node:path";
import { SessionStoreError } from "./errors.ts";

/**
 * Returns the name if a file by this name is in the workspace itself.
 * @throws SessionStoreError `invalid_file_name`.
 */
export function checkedFileName(name: string): string {
  // A name with a backslash is a path on Windows.
  const isPlain = basename(name) === name && win32.basename(name) === name && !name.includes("\0");
  if (isPlain && name !== "" && name !== "." && name !== "..") return name;
  throw new SessionStoreError(
    "invalid_file_name",
    `${JSON.stringify(name.slice(0, 80))} is not the name of a file in the workspace: use a name without a path.`,
  );
}
