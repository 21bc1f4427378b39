import type { Check, Outcome, Status } from "./check.ts";
import type { Context } from "./context.ts";

export interface Finding {
  readonly id: string;
  readonly status: Status;
  readonly title: string;
  readonly detail?: string;
  readonly meaning?: string;
  readonly remedy?: string;
  /** Whether `--fix` mends it. */
  readonly fixable?: boolean;
  /** It was found and mended; `title` and `status` say how it is now. */
  readonly fixed?: boolean;
}

interface RunOptions {
  /** Whether to mend what can be mended. */
  readonly fix: boolean;
  readonly stopped: AbortSignal;
}

const DEFAULT_TIMEOUT_MS = 15_000;

/**
 * Looks at one thing after the other. Never throws: what a check throws is its finding. Once `stopped` is aborted, the check
 * that runs is told, waited for, and the last one.
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
      ? await mend(check, outcome, outcome.fix, context, stopped)
      : findingOf(check, outcome);
  }
}

async function mend(
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
    return findingOf(check, before, [before.detail, `Not mended: ${messageOf(error)}`].filter(Boolean).join("\n"));
  }
}

async function look(check: Check, context: Context, stopped: AbortSignal): Promise<Outcome> {
  try {
    return await within(check, stopped, (signal) => check.run(context, signal));
  } catch (error) {
    return { status: "error", title: messageOf(error), detail: detailOf(error) };
  }
}

/** A check that hangs, such as on a file system that is gone, must not keep the others from being made. */
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
      const error = new Error(`this could not be found out within ${timeoutMs / 1000} seconds`);
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

/** codex's own words, where an error brings them along. */
function detailOf(error: unknown): string | undefined {
  const { detail } = (error ?? {}) as { detail?: unknown };
  return typeof detail === "string" ? detail : undefined;
}
