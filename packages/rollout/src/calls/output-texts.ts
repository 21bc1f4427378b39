import { JsonValue, type PlannedLine, type Span } from "@plexum/jsonl-edit";

/** A text of a call's output, with what is planned for it so far. */
export interface OutputText {
  /** Where it stands in the line. */
  readonly span: Span;
  readonly text: string;
  /** The output is this one string, not a list of blocks. */
  readonly isWhole: boolean;
}

/** A response item's `output`. */
export const outputOfItem = (line: Buffer): JsonValue | undefined => JsonValue.of(line)?.get("payload")?.get("output");

export function outputTexts({ bytes, replacements }: PlannedLine): OutputText[] {
  const output = outputOfItem(bytes);
  if (output === undefined) return [];
  const current = (value: JsonValue): string | undefined => {
    const planned = replacements.find(({ span }) => span.start === value.start);
    return planned === undefined ? value.string : (JSON.parse(planned.value) as string);
  };
  const whole = current(output);
  if (whole !== undefined) return [{ span: output, text: whole, isWhole: true }];
  return output.elements().flatMap((element) => {
    const span = element.get("text");
    const text = span && current(span);
    return span === undefined || text === undefined ? [] : [{ span, text, isWhole: false }];
  });
}
