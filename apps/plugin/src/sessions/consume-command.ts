import { parseArgs } from "node:util";
import {
  consumeHeavy,
  consumeLight,
  type MutationReport,
  mutateRollout,
  readThreadCalls,
  type SkippedEdit,
  type ThreadCall,
} from "@plexum/rollout";
import { plain } from "../plain.ts";
import { confirm } from "./confirm.ts";
import { type KnownSession, knownSession, unpacked } from "./known-session.ts";
import { lockSession, OPEN_NOTE } from "./locked-session.ts";
import { number, plural } from "./numbers.ts";
import { print, printJson } from "./print.ts";
import { undoFolder } from "./restore-command.ts";
import { hasAll, selectedCalls } from "./selected-calls.ts";
import { wholeNumber } from "./sessions-error.ts";
import { printSkipped } from "./skipped.ts";

/** Providers charge about a tenth for a token from the cache: reading one token without the cache costs this many times what removing one saves per request. */
const UNCACHED_TO_FREED = 9;

/** Replaces results of calls in a session with markers. Resolves with the exit code. */
export async function consumeCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      "older-than": { type: "string" },
      "larger-than": { type: "string" },
      tool: { type: "string" },
      heavy: { type: "boolean", default: false },
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", short: "y", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const rules = {
    olderThanTurns: wholeNumber("--older-than", flags["older-than"], 0),
    largerThanTokens: wholeNumber("--larger-than", flags["larger-than"], 0),
    tool: flags.tool,
  };
  const session = await knownSession(positionals.slice(0, 1), env);
  const { codexHome, file, id } = session;
  const named = positionals.slice(1);
  let thread = await readThreadCalls(file, { codexHome, threadId: id, inContextOnly: true });
  // A call that is gone from the context gets its own message.
  if (!hasAll(thread, named)) thread = await readThreadCalls(file, { codexHome, threadId: id });
  const calls = selectedCalls(thread, named, rules);
  const edits = calls.map(({ callId }) => (flags.heavy ? consumeHeavy(callId) : consumeLight(callId)));
  const onWarning = (message: string) => void process.stderr.write(`warning: ${plain(message)}\n`);
  const options = { codexHome, undoFolder: undoFolder(env), places: thread.places, estimate: true, onWarning };
  const plan = await mutateRollout(file, edits, { ...options, dryRun: true });
  // Rules also select calls whose result is shorter than the marker, which gains nothing.
  const left = plan.skipped.filter(({ reason }) => named.length > 0 || reason !== "has_to_grow");
  if (flags["dry-run"] || plan.touched.length === 0) {
    if (flags.json) printJson(asJson(session, calls, { ...plan, dryRun: flags["dry-run"] }));
    else report(plan, left, "would be consumed");
    return plan.touched.length === 0 && left.length > 0 ? 1 : 0;
  }
  if (!flags.json) report(plan, left, "to consume");
  if (!(await confirm(`Consume ${count(plan.touched.length)} of the session ${id}?`, flags.yes))) {
    process.stderr.write("nothing was changed\n");
    return 1;
  }
  await using locked = await lockSession(session);
  const done = await mutateRollout(file, edits, { ...options, estimate: false });
  if (flags.json)
    printJson({ ...asJson(unpacked(session), calls, { ...done, cost: plan.cost }), isOpen: locked.isOpen });
  else {
    print(`consumed ${count(done.touched.length)}`);
    print(`undo   sessions restore ${id}`);
    if (locked.isOpen) print(OPEN_NOTE);
  }
  return done.touched.length === 0 ? 1 : 0;
}

const count = (calls: number) => plural(calls, "call");

/** Returns after how many requests the savings exceed the cost; undefined if never. */
function paysOffAfter({ cost }: MutationReport): number | undefined {
  if (cost === undefined || cost.tokensFreed <= 0) return undefined;
  return Math.ceil((UNCACHED_TO_FREED * cost.tokensUncached) / cost.tokensFreed);
}

function asJson({ id, file }: KnownSession, calls: readonly ThreadCall[], report: MutationReport) {
  const { mode, dryRun, touched, skipped, cost } = report;
  const named = new Set(touched);
  return {
    id,
    file,
    dryRun,
    mode,
    calls: calls
      .filter(({ callId }) => named.has(callId))
      .map(({ turn, callId, name, tokens }) => ({ turn, id: callId, tool: name, tokens })),
    skipped: skipped.map(({ callId, reason, message }) => ({ id: callId, reason, message })),
    tokensFreed: cost?.tokensFreed,
    tokensUncached: cost?.tokensUncached,
    paysOffAfter: paysOffAfter(report),
  };
}

function report(plan: MutationReport, left: readonly SkippedEdit[], what: string): void {
  const { touched, cost = { tokensFreed: 0, tokensUncached: 0 } } = plan;
  print(touched.length === 0 ? "nothing to consume" : `${count(touched.length)} ${what}`);
  printSkipped(left);
  if (touched.length === 0) return;
  print(`frees  about ${number(cost.tokensFreed)} tokens in every request from here on`);
  if (cost.tokensUncached === 0) return void print("costs  nothing: no request was answered from the provider's cache");
  print(`costs  about ${number(cost.tokensUncached)} tokens that the next request reads without the cache, once`);
  const requests = paysOffAfter(plan);
  if (requests !== undefined)
    print(`pays off after about ${requests} ${requests === 1 ? "request" : "requests"}, if cached tokens cost a tenth`);
}
