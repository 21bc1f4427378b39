import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { consumeHeavy, consumeLight, mutateRollout, RolloutError, restoreRollout } from "@plexum/rollout";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

/** The seeds are records of its mutation. */
const ROLLOUT = `${[
  { type: "session_meta", payload: { id: "01a21883-4565-7f03-8755-b37bce40084a", cli_version: "0.169.0" } },
  ...[1, 2, 3].flatMap((number) => [
    {
      type: "response_item",
      payload: { type: "function_call", name: "read", arguments: '{"path":"a/long/path"}', call_id: `call_${number}` },
    },
    {
      type: "response_item",
      payload: { type: "function_call_output", call_id: `call_${number}`, output: `secret ${number} é `.repeat(20) },
    },
  ]),
]
  .map((line) => JSON.stringify(line))
  .join("\n")}\n`;

interface Mutated {
  readonly path: string;
  readonly bytes: Buffer;
  readonly undoFolder: string;
  readonly record: string;
}

let mutated: Promise<Mutated> | undefined;

/** The content of the folder with a mutation's old values, under the name of a record of this rollout. */
export const undoRecords: FuzzTarget = {
  name: "undo-records",
  isSlow: true,
  async run({ bytes: record }) {
    mutated ??= mutate();
    const { path, bytes, undoFolder, record: name } = await mutated;
    writeFileSync(path, bytes);
    rmSync(undoFolder, { recursive: true, force: true });
    mkdirSync(undoFolder);
    writeFileSync(join(undoFolder, name), record);
    try {
      await restoreRollout(path, { undoFolder, onWarning() {} });
    } catch (error) {
      if (!RolloutError.isInstance(error)) throw error;
    }
    const after = readFileSync(path);
    const original = Buffer.from(ROLLOUT);
    must(after.length === bytes.length, "the file keeps its length");
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(0x0a, start);
      const line = after.subarray(start, end);
      const isKnown = [bytes, original].some((one) => one.subarray(start, end).equals(line));
      must(isKnown, "each line is as it was before the restore, or before the mutation");
      start = end + 1;
    }
  },
};

async function mutate(): Promise<Mutated> {
  const path = scratchPath(
    "undo",
    "sessions/2026/01/02/rollout-2026-01-02T03-04-05-01a21883-4565-7f03-8755-b37bce40084a.jsonl",
  );
  writeFileSync(path, ROLLOUT);
  const undoFolder = join(dirname(path), "..", "undo");
  await mutateRollout(path, [consumeHeavy("call_1"), consumeLight("call_2"), consumeHeavy("call_3")], { undoFolder });
  const [record = ""] = readdirSync(undoFolder);
  return { path, bytes: readFileSync(path), undoFolder, record: basename(record) };
}
