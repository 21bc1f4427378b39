import { JsonValue, type PlannedLine, type Span } from "@plexum/jsonl-edit";

/** A text of a call's output, with the replacements planned so far. */
export interface OutputText {
  /** Where it is in the line. */
  readonly span: Span;
  readonly text: string;
  /** True if the output is this one string, false if it is a list of blocks. */
  readonly isWhole: boolean;
}

/** Returns the `output` of a response item. */
export const outputOfItem = (line: Buffer): JsonValue | undefined => JsonValue.of(line)?.get("payload")?.get("output");

/** Returns the texts of the output in a line. */
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
