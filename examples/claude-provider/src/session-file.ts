import { glob } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type EditableLine, type EditJsonlOptions, editJsonl } from "@plexum/jsonl-edit";
import { CONSUMED_TEXTS, isConsumeOp, type MutateReport, type Mutation } from "@plexum/plugin-sdk";

/** Finds claude's file of a session, in whatever folder the session began. */
export async function findSession(id: string): Promise<string | undefined> {
  const home = process.env.CLAUDE_CONFIG_DIR ?? join(homedir(), ".claude");
  for await (const path of glob(`projects/*/${id}.jsonl`, { cwd: home })) return join(home, path);
  return undefined;
}

/** Replaces the results of calls in a session file, and with `consume-heavy` also the arguments (2.1.332). */
export async function consume(
  path: string | undefined,
  mutations: readonly Mutation[],
  options: Pick<EditJsonlOptions, "files" | "signal"> = {},
): Promise<MutateReport> {
  const known = mutations.filter(({ op }) => isConsumeOp(op));
  const ids = [...new Set(known.map(({ block_id }) => block_id))];
  const heavy = new Set(known.filter(({ op }) => op === "consume-heavy").map(({ block_id }) => block_id));
  const unknown = mutations.filter(({ op }) => !isConsumeOp(op));
  const refused = unknown.map(({ block_id, op }) => ({ block_id, reason: `unknown operation ${op}` }));
  if (path === undefined) return { requested: mutations.length, touched: 0, missing: ids, skipped: refused };
  const { edited, missing, skipped } = await editJsonl(path, ids, (line) => editLine(line, heavy), options);
  for (const { id, reason } of skipped) refused.push({ block_id: id, reason });
  return { requested: mutations.length, touched: edited.length, missing: [...missing], skipped: refused };
}

/** A result is in two places of its line. The call is in an earlier line. */
function editLine(line: EditableLine, heavy: ReadonlySet<string>): void {
  for (const block of line.value.get("message")?.get("content")?.elements() ?? []) {
    const isCall = block.get("type")?.string === "tool_use";
    const id = block.get(isCall ? "id" : "tool_use_id")?.string;
    if (id === undefined || !line.ids.has(id)) continue;
    const isHeavy = heavy.has(id);
    const to = CONSUMED_TEXTS[isHeavy ? "consume-heavy" : "consume-light"];
    if (isCall && isHeavy) for (const value of block.all("input")) line.replace(id, value, {});
    const results = isCall ? [] : [...block.all("content"), ...line.value.all("toolUseResult")];
    for (const value of results) line.replace(id, value, to);
    if (isCall === isHeavy) line.done(id);
  }
}
