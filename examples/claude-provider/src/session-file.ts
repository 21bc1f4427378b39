import { glob } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { editJsonl } from "@plexum/jsonl-edit";
import type { MutateReport, MutateRequest } from "@plexum/plugin-sdk";

const PLACEHOLDER = "...(consumed)";
const OPERATIONS = new Set(["consume-light", "consume-heavy"]);

/** Finds the file in which claude keeps a session, whatever folder the session began in. */
export async function findSession(id: string): Promise<string | undefined> {
  const home = process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), ".claude");
  for await (const path of glob(`projects/*/${id}.jsonl`, { cwd: home })) return join(home, path);
  return undefined;
}

/** Replaces the results of calls in a session file, in both places where a line holds one (2.1.332). */
export async function consume(path: string | undefined, mutations: MutateRequest["mutations"]): Promise<MutateReport> {
  const ids = new Set(mutations.filter(({ op }) => OPERATIONS.has(op)).map(({ block_id }) => block_id));
  const skipped = mutations
    .filter(({ op }) => !OPERATIONS.has(op))
    .map(({ block_id, op }) => ({ block_id, reason: `unknown operation ${op}` }));
  const requested = mutations.length;
  if (path === undefined) return { requested, touched: 0, missing: [...ids], skipped };
  const report = await editJsonl(path, [...ids], (line) => {
    for (const block of line.value.get("message")?.get("content")?.elements() ?? []) {
      const id = block.get("tool_use_id")?.string;
      if (id === undefined || !line.ids.has(id)) continue;
      const values = [...block.all("content"), ...line.value.all("toolUseResult")];
      for (const value of values) line.replace(id, value, PLACEHOLDER);
      line.done(id);
    }
  });
  const short = report.skipped.map(({ id, reason }) => ({ block_id: id, reason }));
  return { requested, touched: report.edited.length, missing: [...report.missing], skipped: [...skipped, ...short] };
}
