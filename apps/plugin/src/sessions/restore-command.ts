import { join } from "node:path";
import { parseArgs } from "node:util";
import { type RestoreReport, restoreRollout } from "@plexum/rollout";
import { cacheFolder } from "@plexum/session-store";
import { plain } from "../plain.ts";
import { confirm } from "./confirm.ts";
import { knownSession, unpacked } from "./known-session.ts";
import { lockSession, OPEN_NOTE } from "./locked-session.ts";
import { plural } from "./numbers.ts";
import { print, printJson } from "./print.ts";
import { printSkipped } from "./skipped.ts";

/** The folder where `consume` keeps the old values, beside the index of sessions. */
export const undoFolder = (env: NodeJS.ProcessEnv) => join(cacheFolder(env), "undo");

/** Restores what `consume` removed from a session. Resolves with the exit code. */
export async function restoreCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      "dry-run": { type: "boolean", default: false },
      yes: { type: "boolean", short: "y", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const session = await knownSession(positionals, env);
  const { codexHome, file, id } = session;
  const onWarning = (message: string) => void process.stderr.write(`warning: ${plain(message)}\n`);
  const options = { codexHome, undoFolder: undoFolder(env), onWarning };
  const plan = await restoreRollout(file, { ...options, dryRun: true });
  const isNothing = plan.restored.length === 0;
  if (flags["dry-run"] || isNothing) {
    if (flags.json) printJson({ id, file, ...plan, dryRun: flags["dry-run"] });
    else report(plan, `${count(plan)} can be restored`);
    return isNothing && plan.skipped.length > 0 ? 1 : 0;
  }
  if (!(await confirm(`Restore ${count(plan)} of the session ${id}?`, flags.yes))) {
    process.stderr.write("nothing was changed\n");
    return 1;
  }
  await using locked = await lockSession(session);
  const done = await restoreRollout(file, { ...options, onWarning: () => {} });
  if (flags.json) printJson({ id, file: unpacked(session).file, ...done, isOpen: locked.isOpen });
  else {
    report(done, `restored ${count(done)}`);
    if (locked.isOpen) print(OPEN_NOTE);
  }
  return done.restored.length === 0 ? 1 : 0;
}

const count = ({ restored }: RestoreReport) => plural(restored.length, "call");

function report({ restored, skipped }: RestoreReport, what: string): void {
  print(restored.length === 0 && skipped.length === 0 ? "nothing to restore" : what);
  printSkipped(skipped);
}
