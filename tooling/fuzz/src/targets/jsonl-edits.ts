import { readFileSync, writeFileSync } from "node:fs";
import { editJsonl, JsonlEditError, JsonValue } from "@plexum/jsonl-edit";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

let path: string | undefined;

/** An edit of every line that has an id, in a file with any content. */
export const jsonlEdits: FuzzTarget = {
  name: "jsonl-edits",
  isSlow: true,
  async run({ bytes }) {
    path ??= scratchPath("jsonl-edits", "session.jsonl");
    writeFileSync(path, bytes);
    const ids = idsIn(bytes);
    const report = await editJsonl(path, ids, (line) => {
      const id = line.value.get("id")?.string;
      if (id === undefined || !line.ids.has(id)) return;
      for (const value of line.value.all("result")) line.replace(id, value, "gone");
    }).catch((error) => {
      if (JsonlEditError.isInstance(error)) return undefined;
      throw error;
    });
    const after = readFileSync(path);
    must(after.length === bytes.length, "the file keeps its length");
    if (report === undefined) must(after.equals(bytes), "an edit that fails changes nothing");
    const found = (report?.edited.length ?? 0) + (report?.missing.length ?? 0) + (report?.skipped.length ?? 0);
    must(report === undefined || found === ids.length, "each id is edited, missing or skipped");
    checkLines(bytes, after);
  },
};

function idsIn(bytes: Buffer): string[] {
  const ids = new Set<string>();
  for (const line of bytes.toString("utf8").split("\n").slice(0, 50)) {
    try {
      const { id } = JSON.parse(line) as { id?: unknown };
      if (typeof id === "string") ids.add(id);
    } catch {
      // Not a line with an id.
    }
  }
  return [...ids];
}

function checkLines(before: Buffer, after: Buffer): void {
  if (after.equals(before)) return;
  for (let start = 0; start < before.length; ) {
    const newline = before.indexOf(0x0a, start);
    const end = newline === -1 ? before.length : newline;
    const [old, now] = [before.subarray(start, end), after.subarray(start, end)];
    if (!old.equals(now)) {
      const value = JsonValue.of(now);
      must(JsonValue.of(old) !== undefined && value !== undefined, "only lines of JSON change, and stay JSON");
      must(value.get("result")?.string === "gone", "a changed line has the new value");
    }
    start = end + 1;
  }
}
