import { CodexTurnError, type CodexTurnErrorOptions } from "./errors.ts";
import { type Candidates, candidatesByStatus, FAILURES, type Failure, type FailureName } from "./failure-table.ts";

export interface ClassifyOptions extends Omit<CodexTurnErrorOptions, "detail"> {
  /**
   * True if the turn has started or may have. Failures that codex reports only before a turn are then ignored, because the
   * words may be those of a tool or a model server.
   */
  readonly hasStarted?: boolean;
}

/** How much of codex's words is matched and quoted, in characters: a model server can send any amount. */
const MAX_READ = 8192;
/** How much of codex's words a message quotes, in characters: the end, which contains the reason. `detail` has all of it. */
const MAX_QUOTED = 2000;
/** The longest text that is parsed as JSON, in characters. */
const MAX_JSON = 1024 * 1024;

/** Returns the typed failure for codex's words. Takes time linear in their length. */
export function classifyFailure(detail: string, options: ClassifyOptions = {}): CodexTurnError {
  return failureOf(detail, undefined, options);
}

/** Returns the failure among `candidates` that the words name. Without candidates, a status in the words narrows them down. */
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

/** Returns the last HTTP status that codex names, because the server's text follows it. Returns 0 if there is none. */
function statusIn(text: string): number {
  let status = 0;
  for (const [, code] of text.matchAll(/(?:unexpected status|last status:) ([1-5]\d\d)\b/g)) status = Number(code);
  return status;
}

/** Extracts the message from a JSON error body, which codex passes on unchanged. Removes a backtrace and shortens a long text. */
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
    // Not JSON: use the text unchanged.
    return undefined;
  }
}

const shortened = (text: string) =>
  text.length <= MAX_READ ? text : `${text.slice(0, MAX_READ / 2)}\n…\n${text.slice(-MAX_READ / 2)}`;
