import type { Context } from "./context.ts";

export type Status = "ok" | "warning" | "error";

/** What a check found. */
export interface Outcome {
  readonly status: Status;
  /** One line. */
  readonly title: string;
  /** More lines: codex's own words, or the files it is about. */
  readonly detail?: string | undefined;
  /** In place of the check's own. */
  readonly meaning?: string | undefined;
  readonly remedy?: string | undefined;
  /** Mends it, and says in a sentence what was done. Never touches what a running plugin uses. */
  readonly fix?: (() => Promise<string>) | undefined;
}

/** One thing that the doctor looks at. To add one: a function in a file here, and its entry in `checks.ts` and docs/doctor.md. */
export interface Check {
  /** Stable: programs know a finding by it. */
  readonly id: string;
  /** What it means if the outcome is not `ok`, and what to do. */
  readonly meaning: string;
  readonly remedy: string;
  /** Done only where it is asked for: `--<id>`. Default false. */
  readonly isOptional?: boolean;
  /** How long it may take, and as long again to mend, in milliseconds. Default 15 000. */
  readonly timeoutMs?: number;
  /** What it throws is an error whose text is the message. */
  run(context: Context, signal: AbortSignal): Outcome | Promise<Outcome>;
}

export const ok = (title: string, detail?: string): Outcome => ({ status: "ok", title, detail });

/** What can't be looked at before something else is mended. */
export const unchecked = (because: string, first: string): Outcome => ({
  status: "warning",
  title: `not checked: ${because}`,
  meaning: "Nothing is known of it.",
  remedy: `Mend ${first} first.`,
});

/** At most so many lines, and how many more there are. */
export function someOf(lines: readonly string[], most = 10): string {
  const rest = lines.length - most;
  return [...lines.slice(0, most), ...(rest > 0 ? [`… and ${rest} more`] : [])].join("\n");
}

export const count = (number: number, one: string, several = `${one}s`): string =>
  `${number} ${number === 1 ? one : several}`;
