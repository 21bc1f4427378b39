import { topLevel } from "./edit-line.ts";
import { elementsOf, lastMember, membersOf, type Span, stringAt } from "./json-scan.ts";
import type { PlannedLine } from "./replacement.ts";

/** A text of a call's output, with what is planned for it so far. */
export interface OutputText {
  /** Where it stands in the line. */
  readonly span: Span;
  readonly text: string;
  /** The output is this one string, not a list of blocks. */
  readonly isWhole: boolean;
}

/** Where a response item's `output` stands. */
export function outputSpan(line: Buffer): Span | undefined {
  const payload = lastMember(topLevel(line), "payload");
  return payload && lastMember(membersOf(line, payload), "output");
}

export function outputTexts({ bytes, replacements }: PlannedLine): OutputText[] {
  const output = outputSpan(bytes);
  if (output === undefined) return [];
  const current = (span: Span): string | undefined => {
    const planned = replacements.find((replacement) => replacement.span.start === span.start);
    return planned === undefined ? stringAt(bytes, span) : (JSON.parse(planned.value) as string);
  };
  const whole = current(output);
  if (whole !== undefined) return [{ span: output, text: whole, isWhole: true }];
  return elementsOf(bytes, output).flatMap((element) => {
    const span = lastMember(membersOf(bytes, element), "text");
    const text = span && current(span);
    return span === undefined || text === undefined ? [] : [{ span, text, isWhole: false }];
  });
}
