import { JsonValue, type Replacement, type Span } from "@plexum/jsonl-edit";
import type { CallEdit } from "./call-edit.ts";

/** The planned edit of one line. */
export interface LineEdit {
  readonly replacements: Replacement[];
  /** Calls that begin with this line: no line before it belongs to them. */
  readonly begins: string[];
  /** Calls whose output is in this line. */
  readonly outputs: string[];
}

export interface LineEditOptions {
  /** Also edit the copies that codex keeps for its own display. */
  readonly displayCopies: boolean;
}

/**
 * Plans the edits of one line of a rollout. A line that is not JSON has none, since codex skips it too. All values of a duplicate
 * key are replaced.
 */
export function editLine(line: Buffer, edits: ReadonlyMap<string, CallEdit>, options: LineEditOptions): LineEdit {
  const plan: LineEdit = { replacements: [], begins: [], outputs: [] };
  const entry = JsonValue.of(line);
  const payload = entry?.get("payload");
  heads.set(line, headIn(entry));
  if (payload === undefined) return plan;
  switch (entry?.get("type")?.string) {
    case "response_item":
      editItem(payload, edits, plan, true);
      break;
    case "compacted":
      for (const history of payload.all("replacement_history"))
        for (const item of history.elements()) editItem(item, edits, plan, false);
      break;
    case "event_msg":
      if (options.displayCopies) editDisplayCopy(payload, edits, plan);
  }
  return plan;
}

/** What a line says about itself, besides its content. */
interface LineHead {
  readonly type: string | undefined;
  readonly payloadType: string | undefined;
  readonly timestamp: string | undefined;
}

/** The heads of planned lines. Their bytes don't change, and several checks need the head of the same line. */
const heads = new WeakMap<Buffer, LineHead>();

const headIn = (entry: JsonValue | undefined): LineHead => ({
  type: entry?.get("type")?.string,
  payloadType: entry?.get("payload")?.get("type")?.string,
  timestamp: entry?.get("timestamp")?.string,
});

/** Returns the head of a planned line. All of it is undefined if the line is not JSON. The line must not be changed afterward. */
export function headOf(line: Buffer): LineHead {
  const known = heads.get(line) ?? headIn(JsonValue.of(line));
  heads.set(line, known);
  return known;
}

/** Returns the type of a line. Returns undefined if the line is not JSON. */
export const typeOf = (line: Buffer): string | undefined => headOf(line).type;

/** Returns the edit for a call id. Returns undefined if there is none, or if the value is not an id. */
function editFor(id: JsonValue | undefined, edits: ReadonlyMap<string, CallEdit>): CallEdit | undefined {
  const callId = id?.string;
  return callId === undefined ? undefined : edits.get(callId);
}

const quoted = (text: string) => JSON.stringify(text);

function editItem(item: JsonValue, edits: ReadonlyMap<string, CallEdit>, plan: LineEdit, isOwnLine: boolean): void {
  const edit = editFor(item.get("call_id"), edits);
  const type = item.get("type")?.string;
  if (edit === undefined || type === undefined) return;
  const replace = (spans: readonly Span[], value: string) => {
    // Keeping the `JsonValue` would keep all the others of its line in memory.
    for (const { start, end } of spans) plan.replacements.push({ span: { start, end }, value, ids: [edit.callId] });
  };
  if (type.endsWith("_call")) {
    if (isOwnLine) plan.begins.push(edit.callId);
    if (edit.arguments !== undefined) replaceArguments(type, item, edit.arguments, replace);
  } else if (type.endsWith("_output")) {
    plan.outputs.push(edit.callId);
    if (edit.output === undefined) return;
    // A tool search returns definitions, not text. Codex accepts an empty list.
    if (type === "tool_search_output") replace(item.all("tools"), "[]");
    else replace(item.all("output"), quoted(edit.output));
  }
}

function replaceArguments(
  type: string,
  item: JsonValue,
  text: string,
  replace: (spans: readonly Span[], value: string) => void,
): void {
  if (type === "custom_tool_call") replace(item.all("input"), quoted(text));
  else if (type === "tool_search_call") replace(item.all("arguments"), isJsonObject(text) ? text : "{}");
  else if (type === "local_shell_call") for (const action of item.all("action")) replace(action.all("command"), "[]");
  else replace(item.all("arguments"), quoted(text));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    // A newline would end the line. Codex drops a line with an escaped half of a surrogate pair (0.135, 0.169).
    const isUsable = !/[\r\n]/.test(text) && !/(?<!\\)(\\\\)*\\ud[89a-f]/i.test(JSON.stringify(value));
    return typeof value === "object" && value !== null && !Array.isArray(value) && isUsable;
  } catch {
    return false;
  }
}

/**
 * Plans the edits of `item_completed` (codex 0.148 and later), `mcp_tool_call_end` and `patch_apply_end` (before). Each keeps the form
 * in which codex wrote it. A copy that is too short for the new text becomes empty, so that the line does not grow.
 */
function editDisplayCopy(event: JsonValue, edits: ReadonlyMap<string, CallEdit>, plan: LineEdit): void {
  const item = event.get("item");
  const copy = item ?? event;
  const edit = editFor(copy.get(item === undefined ? "call_id" : "id"), edits);
  if (edit === undefined) return;
  const replace = (span: Span, value: string, shorter: string) => {
    const fits = Buffer.byteLength(value) <= span.end - span.start;
    const chosen = fits ? value : shorter;
    if (Buffer.byteLength(chosen) <= span.end - span.start)
      plan.replacements.push({ span, value: chosen, ids: [edit.callId] });
  };
  const { output } = edit;
  if (output !== undefined) {
    const content = `{"content":[{"type":"text","text":${quoted(output)}}]}`;
    for (const result of copy.all("result")) {
      for (const value of item === undefined ? result.all("Ok") : [result])
        if (value.text !== "null") replace(value, content, '{"content":[]}');
      if (item === undefined) for (const failure of result.all("Err")) replace(failure, quoted(output), '""');
    }
    for (const error of copy.all("error"))
      for (const message of error.all("message")) replace(message, quoted(output), '""');
    for (const key of ["aggregated_output", "stdout", "stderr", "formatted_output"])
      for (const value of copy.all(key)) if (value.string) replace(value, quoted(output), '""');
  }
  if (edit.arguments !== undefined) {
    const invocations = copy.all("invocation").flatMap((invocation) => invocation.all("arguments"));
    for (const value of [...copy.all("arguments"), ...invocations])
      if (value.text !== "null") replace(value, isJsonObject(edit.arguments) ? edit.arguments : "{}", "{}");
    for (const changes of copy.all("changes")) replace(changes, "{}", "{}");
    for (const command of copy.all("command")) replace(command, "[]", "[]");
    for (const parsed of copy.all("parsed_cmd")) replace(parsed, "[]", "[]");
  }
}
