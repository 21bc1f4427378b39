import type { OpenFile } from "../files.ts";
import { type Patch, patchBytes } from "../json/replacement.ts";

/** Writes new bytes over old ones in place. Nothing else writes into an existing line. */
export async function writePatches(file: OpenFile, patches: readonly Patch[]): Promise<void> {
  for (const patch of patches) {
    const bytes = patchBytes(patch);
    await file.write(bytes, 0, bytes.length, patch.offset);
  }
}
