import type { CallEdit } from "./call-edit.ts";
import {
  documentSpan,
  elementsOf,
  lastMember,
  type Member,
  membersOf,
  type Span,
  stringAt,
  textAt,
} from "./json-scan.ts";
import type { Replacement } from "./replacement.ts";

/** What one line has of the calls that are to be edited. */
export interface LineEdit {
  readonly replacements: Replacement[];
  /** Calls whose beginning this line is: no line before it belongs to them. */
  readonly begins: string[];
  /** Calls that this line has an output of. */
  readonly outputs: string[];
}

export interface LineEditOptions {
  /** Also the copies that codex keeps for its own display. */
  readonly displayCopies: boolean;
}

/**
 * Plans the edits of one line of a rollout. A line that is not JSON has none, since codex passes over it too.
 * A value that stands under a duplicate key is replaced each time.
 */
export function editLine(line: Buffer, edits: ReadonlyMap<string, CallEdit>, options: LineEditOptions): LineEdit {
  const plan: LineEdit = { replacements: [], begins: [], outputs: [] };
  const members = topLevel(line);
  const payload = lastMember(members, "payload");
  if (payload === undefined) return plan;
  switch (stringAt(line, lastMember(members, "type"))) {
    case "response_item":
      editItem(line, payload, edits, plan, true);
      break;
    case "compacted":
      for (const history of valuesOf(membersOf(line, payload), "replacement_history"))
        for (const item of elementsOf(line, history)) editItem(line, item, edits, plan, false);
      break;
    case "event_msg":
      if (options.displayCopies) editDisplayCopy(line, payload, edits, plan);
  }
  return plan;
}

export function topLevel(line: Buffer): Member[] {
  try {
    return membersOf(line, documentSpan(line));
  } catch {
    return [];
  }
}

const valuesOf = (members: readonly Member[], key: string): Span[] =>
  members.filter((member) => member.key === key).map((member) => member.value);

const quoted = (text: string) => JSON.stringify(text);

function editItem(
  line: Buffer,
  item: Span,
  edits: ReadonlyMap<string, CallEdit>,
  plan: LineEdit,
  isOwnLine: boolean,
): void {
  const members = membersOf(line, item);
  const edit = edits.get(stringAt(line, lastMember(members, "call_id")) ?? "");
  const type = stringAt(line, lastMember(members, "type"));
  if (edit === undefined || type === undefined) return;
  const replace = (spans: Span[], value: string) => {
    for (const span of spans) plan.replacements.push({ span, value, callIds: [edit.callId] });
  };
  if (type.endsWith("_call")) {
    if (isOwnLine) plan.begins.push(edit.callId);
    if (edit.arguments !== undefined) replaceArguments(line, type, members, edit.arguments, replace);
  } else if (type.endsWith("_output")) {
    plan.outputs.push(edit.callId);
    if (edit.output === undefined) return;
    // A tool search gives definitions, no text: without any it is still what codex takes.
    if (type === "tool_search_output") replace(valuesOf(members, "tools"), "[]");
    else replace(valuesOf(members, "output"), quoted(edit.output));
  }
}

function replaceArguments(
  line: Buffer,
  type: string,
  members: Member[],
  text: string,
  replace: (spans: Span[], value: string) => void,
): void {
  if (type === "custom_tool_call") replace(valuesOf(members, "input"), quoted(text));
  else if (type === "tool_search_call") replace(valuesOf(members, "arguments"), isJsonObject(text) ? text : "{}");
  else if (type === "local_shell_call")
    for (const action of valuesOf(members, "action")) replace(valuesOf(membersOf(line, action), "command"), "[]");
  else replace(valuesOf(members, "arguments"), quoted(text));
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    // A newline would end the line, and for an escaped half of a surrogate pair codex would drop it (0.135, 0.169).
    const isUsable = !/[\r\n]/.test(text) && !/(?<!\\)(\\\\)*\\ud[89a-f]/i.test(JSON.stringify(value));
    return typeof value === "object" && value !== null && !Array.isArray(value) && isUsable;
  } catch {
    return false;
  }
}

/**
 * `item_completed` (codex 0.148 and later), `mcp_tool_call_end` and `patch_apply_end` (before). Each stays of the form that
 * codex wrote; a copy too short for the new text becomes empty rather than longer.
 */
function editDisplayCopy(line: Buffer, payload: Span, edits: ReadonlyMap<string, CallEdit>, plan: LineEdit): void {
  const event = membersOf(line, payload);
  const item = lastMember(event, "item");
  const members = item === undefined ? event : membersOf(line, item);
  const id = lastMember(members, item === undefined ? "call_id" : "id");
  const edit = edits.get(stringAt(line, id) ?? "");
  if (edit === undefined) return;
  const replace = (span: Span, value: string, shorter: string) => {
    const fits = Buffer.byteLength(value) <= span.end - span.start;
    const chosen = fits ? value : shorter;
    if (Buffer.byteLength(chosen) <= span.end - span.start)
      plan.replacements.push({ span, value: chosen, callIds: [edit.callId] });
  };
  const { output } = edit;
  if (output !== undefined) {
    const content = `{"content":[{"type":"text","text":${quoted(output)}}]}`;
    for (const result of valuesOf(members, "result")) {
      const ok = valuesOf(membersOf(line, result), "Ok");
      for (const span of item === undefined ? ok : [result])
        if (textAt(line, span) !== "null") replace(span, content, '{"content":[]}');
      for (const span of valuesOf(membersOf(line, result), "Err")) replace(span, quoted(output), '""');
    }
    for (const error of valuesOf(members, "error"))
      for (const span of valuesOf(membersOf(line, error), "message")) replace(span, quoted(output), '""');
    for (const key of ["aggregated_output", "stdout", "stderr", "formatted_output"])
      for (const span of valuesOf(members, key)) if (stringAt(line, span)) replace(span, quoted(output), '""');
  }
  if (edit.arguments !== undefined) {
    const invocations = valuesOf(members, "invocation").flatMap((span) => valuesOf(membersOf(line, span), "arguments"));
    for (const span of [...valuesOf(members, "arguments"), ...invocations])
      if (textAt(line, span) !== "null") replace(span, isJsonObject(edit.arguments) ? edit.arguments : "{}", "{}");
    for (const span of valuesOf(members, "changes")) replace(span, "{}", "{}");
    for (const span of valuesOf(members, "command")) replace(span, "[]", "[]");
    for (const span of valuesOf(members, "parsed_cmd")) replace(span, "[]", "[]");
  }
}
