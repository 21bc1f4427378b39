import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { JsonlEditError, JsonValue, recoverJsonl } from "@plexum/jsonl-edit";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

const HASH_LENGTH = 32;

/** The file that the seed is a journal of. */
const SESSION = `${[1, 2, 3]
  .map((number) => JSON.stringify({ id: `id_${number}`, result: `secret ${number} `.repeat(100) }))
  .join("\n")}\n`;

let path: string | undefined;

/** A journal next to a file, as a crash or another program may have left it: verbatim, and with the matching hash. */
export const journals: FuzzTarget = {
  name: "journals",
  isSlow: true,
  async run({ bytes }) {
    path ??= scratchPath("journals", "session.jsonl");
    const sum = createHash("sha256").update(bytes).digest("hex").slice(0, HASH_LENGTH);
    for (const journal of [bytes, Buffer.concat([bytes, Buffer.from(sum)])]) {
      writeFileSync(path, SESSION);
      const redo = redoOf(path);
      writeFileSync(redo, journal);
      try {
        await recoverJsonl(path, { onWarning() {} });
      } catch (error) {
        if (!JsonlEditError.isInstance(error)) throw error;
      }
      must(!existsSync(redo), "the journal is replayed, dropped or set aside");
      check(readFileSync(path));
      for (const name of readdirSync(dirname(path)))
        if (name !== "session.jsonl") rmSync(join(dirname(path), name), { recursive: true });
    }
  },
};

const redoOf = (path: string): string => {
  const key = createHash("sha256").update("session.jsonl").digest("hex").slice(0, 16);
  return join(dirname(path), `.jsonl-edit-${key}.redo`);
};

function check(after: Buffer): void {
  const before = Buffer.from(SESSION);
  if (after.equals(before)) return;
  must(after.length === before.length, "the file keeps its length");
  must(after.toString("latin1").split("\n").length === SESSION.split("\n").length, "the lines stay lines");
  for (const line of after.toString("latin1").trimEnd().split("\n"))
    must(JsonValue.of(Buffer.from(line, "latin1")) !== undefined, "each line stays JSON");
}
