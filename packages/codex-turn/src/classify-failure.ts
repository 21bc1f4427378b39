import { CodexTurnError, type CodexTurnErrorOptions } from "./errors.ts";
import { type Candidates, candidatesByStatus, FAILURES, type Failure, type FailureName } from "./failures.ts";

export interface ClassifyOptions extends Omit<CodexTurnErrorOptions, "detail"> {
  /**
   * The turn runs already, or may: what codex says before a turn is then no answer, whatever the words look like. They may
   * be a tool's or a model server's by then.
   */
  readonly hasStarted?: boolean;
}

/** How much of codex's words is compared and quoted, in characters: a model server can send any amount. */
const MAX_READ = 8192;
/** How much of codex's words a message repeats, in characters: their end, where the reason stands. All of it is in `detail`. */
const MAX_QUOTED = 2000;
/** The longest text that is looked into as JSON, in characters. */
const MAX_JSON = 1024 * 1024;

/** Returns the typed failure behind codex's words. Takes time linear in their length. */
export function classifyFailure(detail: string, options: ClassifyOptions = {}): CodexTurnError {
  return failureOf(detail, undefined, options);
}

/** Returns the failure among `candidates` that the words name; without candidates, among all. */
export function failureOf(
  detail: string,
  candidates: Candidates | undefined,
  { hasStarted = false, ...options }: ClassifyOptions = {},
): CodexTurnError {
  const text = readable(detail);
  const failure = find(text, candidates ?? candidatesByStatus(statusIn(text)), hasStarted);
  const said = text === "" ? "" : ` Codex said: ${text.length > MAX_QUOTED ? `… ${text.slice(-MAX_QUOTED)}` : text}`;
  if (failure === undefined) {
    return new CodexTurnError("failed", `The turn failed.${said || " Codex said nothing about it."}`, {
      ...options,
      detail,
    });
  }
  return new CodexTurnError(failure.code, `${failure.advice}${said}`, { ...options, detail });
}

function find(text: string, candidates: Candidates | undefined, hasStarted: boolean): Failure | undefined {
  const all = Object.keys(FAILURES) as FailureName[];
  const found = all
    .filter((name) => candidates === undefined || candidates.includes(name))
    .map((name) => FAILURES[name])
    .find(({ pattern, isBeforeTurn }) => !(hasStarted && isBeforeTurn) && pattern.test(text));
  return found ?? (candidates === undefined ? undefined : FAILURES[candidates[0]]);
}

/** The status that codex names last: what follows it is the server's text. 0 for none. */
function statusIn(text: string): number {
  let status = 0;
  for (const [, code] of text.matchAll(/(?:unexpected status|last status:) ([1-5]\d\d)\b/g)) status = Number(code);
  return status;
}

/** The message inside a JSON error body, which codex hands on as it got it; without a backtrace, and not all of a long one. */
function readable(detail: string): string {
  const backtrace = detail.indexOf("Stack backtrace:");
  const text = (backtrace === -1 ? detail : detail.slice(0, backtrace)).trim();
  return shortened(messageIn(text) ?? text);
}

function messageIn(text: string): string | undefined {
  if (!text.startsWith("{") || text.length > MAX_JSON) return undefined;
  try {
    const body = JSON.parse(text) as { detail?: unknown; message?: unknown; error?: unknown };
    const error = (typeof body.error === "object" ? body.error : undefined) as
      | { message?: unknown; code?: unknown; type?: unknown }
      | null
      | undefined;
    const message = [error?.message, body.error, body.detail, body.message].find((part) => typeof part === "string");
    const code = [error?.code, error?.type].find((part) => typeof part === "string");
    if (message === undefined) return undefined;
    return code === undefined ? String(message) : `${message} (${code})`;
  } catch {
    // Not JSON: as it stands.
    return undefined;
  }
}

const shortened = (text: string) =>
  text.length <= MAX_READ ? text : `${text.slice(0, MAX_READ / 2)}\n…\n${text.slice(-MAX_READ / 2)}`;
