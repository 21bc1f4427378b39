import type { Check, Outcome, Status } from "./check.ts";
import type { Context } from "./context.ts";

export interface Finding {
  readonly id: string;
  readonly status: Status;
  readonly title: string;
  readonly detail?: string;
  readonly meaning?: string;
  readonly remedy?: string;
  /** Whether `--fix` repairs it. */
  readonly fixable?: boolean;
  /** Whether it was repaired in this run; `title` and `status` describe the state after that. */
  readonly fixed?: boolean;
}

interface RunOptions {
  /** Whether to repair what can be repaired. */
  readonly fix: boolean;
  readonly stopped: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * Runs the checks one after another. Never throws: an error of a check becomes its finding. When `stopped` is aborted, the running check
 * is aborted and awaited, and no other check starts.
 */
export async function* runChecks(
  checks: readonly Check[],
  context: Context,
  { fix, stopped }: RunOptions,
): AsyncGenerator<Finding, void, undefined> {
  for (const check of checks) {
    if (stopped.aborted) return;
    const outcome = await look(check, context, stopped);
    yield fix && outcome.fix !== undefined
      ? await repair(check, outcome, outcome.fix, context, stopped)
      : findingOf(check, outcome);
  }
}

async function repair(
  check: Check,
  before: Outcome,
  fix: NonNullable<Outcome["fix"]>,
  context: Context,
  stopped: AbortSignal,
): Promise<Finding> {
  try {
    const done = await within(check, stopped, fix);
    const after = await look(check, context, stopped);
    const finding = findingOf(check, after, [done, after.detail].filter(Boolean).join("\n"));
    return after.status === "ok" ? { ...finding, fixed: true } : finding;
  } catch (error) {
    return findingOf(check, before, [before.detail, `Not repaired: ${messageOf(error)}`].filter(Boolean).join("\n"));
  }
}

async function look(check: Check, context: Context, stopped: AbortSignal): Promise<Outcome> {
  try {
    return await within(check, stopped, (signal) => check.run(context, signal));
  } catch (error) {
    return { status: "error", title: messageOf(error), detail: detailOf(error) };
  }
}

/** Limits the time of a task, so that a check that hangs, for example on a dead network file system, does not block the others. */
async function within<T>(
  check: Check,
  stopped: AbortSignal,
  task: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = check;
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`the check did not finish within ${timeoutMs / 1000} seconds`);
      reject(error);
      controller.abort(error);
    }, timeoutMs);
  });
  try {
    const signal = AbortSignal.any([controller.signal, stopped]);
    return await Promise.race([tooLong, Promise.resolve(signal).then(task)]);
  } finally {
    clearTimeout(timer);
  }
}

export function findingOf(
  check: Pick<Check, "id" | "meaning" | "remedy">,
  outcome: Outcome,
  detail = outcome.detail,
): Finding {
  const { status, title } = outcome;
  return {
    id: check.id,
    status,
    title,
    ...(detail ? { detail } : {}),
    ...(status === "ok" ? {} : { meaning: outcome.meaning ?? check.meaning, remedy: outcome.remedy ?? check.remedy }),
    ...(outcome.fix === undefined ? {} : { fixable: true }),
  };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Returns codex's own words if the error has them. */
function detailOf(error: unknown): string | undefined {
  const { detail } = (error ?? {}) as { detail?: unknown };
  return typeof detail === "string" ? detail : undefined;
}
