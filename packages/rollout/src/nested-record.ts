import { textsOfCutRecord } from "./cut-record.ts";
import { topLevel } from "./edit-line.ts";
import { elementsOf, lastMember, type Member, membersOf, type Span, stringAt, textAt } from "./json-scan.ts";
import type { ResultText } from "./passed-on.ts";

/**
 * Codex's record of a nested call (`item_completed`, or `mcp_tool_call_end` before 0.148) is the one line that is the call's
 * own. An edit leaves its note there, in place of the result: which text took the result's place, or that it was asked for and the
 * result not found in the script's output. So a later mutation knows, wherever the file was moved to meanwhile.
 */
export type NestedRecord =
  | { readonly state: "intact"; readonly results: ResultText[]; readonly note: (to: string | null) => Note | undefined }
  | { readonly state: "edited"; readonly to: string | null; readonly note: (to: string | null) => Note | undefined };

interface Note {
  readonly span: Span;
  readonly value: string;
}

const NOTE_KEY = "to";

/** Undefined if the line is no such record. */
export function readNestedRecord(line: Buffer): NestedRecord | undefined {
  const payload = lastMember(topLevel(line), "payload");
  if (payload === undefined) return undefined;
  const event = membersOf(line, payload);
  const item = lastMember(event, "item");
  const members = item === undefined ? event : membersOf(line, item);
  const result = lastMember(members, "result");
  const error = lastMember(members, "error");
  const output = lastMember(members, "aggregated_output");
  const isSet = (span: Span | undefined): span is Span => span !== undefined && textAt(line, span) !== "null";
  if (output !== undefined) return commandRecord(line, members, output);
  if (isSet(result)) {
    const outcome = membersOf(line, result);
    const failure = lastMember(outcome, "Err");
    if (failure !== undefined) return record(line, failure, [], [plain(line, failure)], (note) => `""${note}`, false);
    const ok = lastMember(outcome, "Ok") ?? result;
    return record(line, ok, membersOf(line, ok), mcpTexts(line, ok), (note) => `{"content":[]${note}}`);
  }
  if (isSet(error)) {
    const failure = membersOf(line, error);
    return record(
      line,
      error,
      failure,
      [plain(line, lastMember(failure, "message"))],
      (note) => `{"message":""${note}}`,
    );
  }
  return { state: "intact", results: [], note: () => undefined };
}

function commandRecord(line: Buffer, item: Member[], output: Span): NestedRecord {
  return record(line, output, item, [plain(line, output)], (note) => `""${note}`);
}

function record(
  line: Buffer,
  span: Span,
  members: Member[],
  results: (ResultText | undefined)[],
  build: (note: string) => string,
  canNote = true,
): NestedRecord {
  const edited = members.find((member) => member.key === NOTE_KEY);
  const noteEnd = edited !== undefined && edited.value.end > span.end ? edited.value.end : span.end;
  const whole = { start: span.start, end: noteEnd };
  const note = (to: string | null): Note | undefined => {
    const value = build(`,"${NOTE_KEY}":${JSON.stringify(to)}`);
    return canNote && Buffer.byteLength(value) <= roomOf(line, whole) ? { span: whole, value } : undefined;
  };
  if (edited === undefined) return { state: "intact", results: results.filter((text) => text !== undefined), note };
  return { state: "edited", to: stringAt(line, edited.value) ?? null, note };
}

/** An edited value may take the spaces that the first edit left behind it. */
function roomOf(line: Buffer, span: Span): number {
  let end = span.end;
  while (line[end] === 0x20) end++;
  return end - span.start;
}

function mcpTexts(line: Buffer, result: Span): (ResultText | undefined)[] {
  const members = membersOf(line, result);
  const content = lastMember(members, "content");
  const blocks = content === undefined ? [] : elementsOf(line, content);
  const structured = lastMember(members, "structuredContent");
  return [
    ...blocks.flatMap((block) => {
      const text = plain(line, lastMember(membersOf(line, block), "text"));
      return (text && textsOfCutRecord(text.text)) ?? [text];
    }),
    structured && textAt(line, structured) !== "null"
      ? { text: JSON.stringify(JSON.parse(textAt(line, structured))), isJson: true }
      : undefined,
  ];
}

function plain(line: Buffer, span: Span | undefined): ResultText | undefined {
  const text = stringAt(line, span);
  return text === undefined ? undefined : { text, isJson: false };
}
