import { type JsonMember, JsonValue, type Span } from "@plexum/jsonl-edit";
import type { ResultText } from "./replace-passed-on.ts";
import { textsOfCutRecord } from "./truncated-record.ts";

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
  const event = JsonValue.of(line)?.get("payload");
  if (event === undefined) return undefined;
  const item = event.get("item") ?? event;
  const result = item.get("result");
  const error = item.get("error");
  const output = item.get("aggregated_output");
  if (output !== undefined) return record(line, output, item.members(), [plain(output)], (note) => `""${note}`);
  if (isSet(result)) {
    const failure = result.get("Err");
    if (failure !== undefined) return record(line, failure, [], [plain(failure)], (note) => `""${note}`, false);
    const ok = result.get("Ok") ?? result;
    return record(line, ok, ok.members(), mcpTexts(ok), (note) => `{"content":[]${note}}`);
  }
  if (isSet(error))
    return record(line, error, error.members(), [plain(error.get("message"))], (note) => `{"message":""${note}}`);
  return { state: "intact", results: [], note: () => undefined };
}

const isSet = (value: JsonValue | undefined): value is JsonValue => value !== undefined && value.text !== "null";

function record(
  line: Buffer,
  span: Span,
  members: readonly JsonMember[],
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
  return { state: "edited", to: edited.value.string ?? null, note };
}

/** An edited value may take the spaces that the first edit left behind it. */
function roomOf(line: Buffer, span: Span): number {
  let end = span.end;
  while (line[end] === 0x20) end++;
  return end - span.start;
}

function mcpTexts(result: JsonValue): (ResultText | undefined)[] {
  const blocks = result.get("content")?.elements() ?? [];
  const structured = result.get("structuredContent");
  return [
    ...blocks.flatMap((block) => {
      const text = plain(block.get("text"));
      return (text && textsOfCutRecord(text.text)) ?? [text];
    }),
    isSet(structured) ? { text: JSON.stringify(JSON.parse(structured.text)), isJson: true } : undefined,
  ];
}

function plain(value: JsonValue | undefined): ResultText | undefined {
  const text = value?.string;
  return text === undefined ? undefined : { text, isJson: false };
}
