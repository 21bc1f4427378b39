import { type JsonMember, JsonValue, type Span } from "@plexum/jsonl-edit";
import type { ResultText } from "./replace-passed-on.ts";
import { textsOfCutRecord } from "./truncated-record.ts";

/**
 * Codex's record of a nested call (`item_completed`, or `mcp_tool_call_end` before 0.148). It is the only line that belongs to the call
 * alone. An edit writes a note there, in place of the result. The note has the text that replaced the result, or null if the result was
 * not found in the script's output. So a later mutation knows of the edit, even if the file was moved since.
 */
export type NestedRecord =
  | { readonly state: "intact"; readonly results: ResultText[]; readonly note: (to: string | null) => Note | undefined }
  | { readonly state: "edited"; readonly to: string | null; readonly note: (to: string | null) => Note | undefined };

interface Note {
  readonly span: Span;
  readonly value: string;
}

const NOTE_KEY = "to";

/** Reads the record in a line. Returns undefined if the line has none. */
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

/** Returns how much room an edited value has. It may use the spaces after it that an earlier edit left. */
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
