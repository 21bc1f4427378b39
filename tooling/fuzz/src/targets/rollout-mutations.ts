import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { consumeHeavy, consumeLight, mutateRollout, restoreRollout } from "@plexum/rollout";
import { allowRolloutError } from "../allow-rollout-error.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

let path: string | undefined;

/** The consumption of every call that a rollout seems to have, and its undo. */
export const rolloutMutations: FuzzTarget = {
  name: "rollout-mutations",
  seedsOf: "rollout-lines",
  isSlow: true,
  async run({ bytes }) {
    path ??= scratchPath(
      "mutations",
      "sessions/2026/01/02/rollout-2026-01-02T03-04-05-01a21883-4565-7f03-8755-b37bce40084a.jsonl",
    );
    writeFileSync(path, bytes);
    const undoFolder = join(dirname(path), "..", "undo");
    rmSync(undoFolder, { recursive: true, force: true });
    const ids = callIdsIn(bytes);
    const edits = ids.map((id, index) => (index % 2 === 0 ? consumeHeavy(id) : consumeLight(id)));
    const report = await allowRolloutError(mutateRollout(path, edits, { undoFolder, estimate: true, onWarning() {} }));
    const after = readFileSync(path);
    must(after.length === bytes.length, "the file keeps its length");
    if (report === undefined || report.mode === "unchanged") {
      must(after.equals(bytes), "without a mutation nothing changes");
      return;
    }
    const counted = report.touched.length + report.missing.length + report.skipped.length;
    must(counted === ids.length, "each call is touched, missing or skipped");
    await restoreRollout(path, { undoFolder, onWarning() {} });
    must(readFileSync(path).equals(bytes), "an undo restores the file byte for byte");
  },
};

function callIdsIn(bytes: Buffer): string[] {
  const ids = new Set<string>();
  for (const [, id = ""] of bytes.toString("latin1").matchAll(/"(?:call_id|id)":"((?:call|exec)[^"\\]{1,50})"/g)) {
    ids.add(id);
    if (ids.size === 40) break;
  }
  return [...ids];
}
