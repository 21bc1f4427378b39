import type { Context } from "./context.ts";

export type Status = "ok" | "warning" | "error";

/** What a check found. */
export interface Outcome {
  readonly status: Status;
  /** One line. */
  readonly title: string;
  /** More lines: codex's own words, or the affected files. */
  readonly detail?: string | undefined;
  /** Replaces the check's own meaning or remedy. */
  readonly meaning?: string | undefined;
  readonly remedy?: string | undefined;
  /** Repairs it, and returns a sentence that says what was done. Never touches what a running plugin uses. */
  readonly fix?: (() => Promise<string>) | undefined;
}

/** One check of the doctor. To add one, write a function in a file here, and add it to `checks.ts` and docs/doctor.md. */
export interface Check {
  /** Identifies the finding. Programs rely on it, so it must not change. */
  readonly id: string;
  /** What an outcome other than `ok` means, and what to do. */
  readonly meaning: string;
  readonly remedy: string;
  /** Whether the check runs only on request, with `--<id>`. @default false */
  readonly isOptional?: boolean;
  /** The time limit of the check, and of its repair, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number;
  /** If it throws, the error's message becomes the finding. */
  run(context: Context, signal: AbortSignal): Outcome | Promise<Outcome>;
}

export const ok = (title: string, detail?: string): Outcome => ({ status: "ok", title, detail });

/** The outcome of a check that depends on something that is broken. */
export const unchecked = (because: string, first: string): Outcome => ({
  status: "warning",
  title: `not checked: ${because}`,
  meaning: "Its state is unknown.",
  remedy: `Repair ${first} first.`,
});

/** Joins at most `most` lines, and adds how many more there are. */
export function someOf(lines: readonly string[], most = 10): string {
  const rest = lines.length - most;
  return [...lines.slice(0, most), ...(rest > 0 ? [`… and ${rest} more`] : [])].join("\n");
}

export const count = (number: number, one: string, several = `${one}s`): string =>
  `${number} ${number === 1 ? one : several}`;
