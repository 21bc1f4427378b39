import { JsonValue } from "@plexum/jsonl-edit";
import { type FuzzTarget, must } from "../fuzz-target.ts";

/** The scanner that finds values without parsing: it must agree with `JSON.parse` about every line. */
export const jsonValues: FuzzTarget = {
  name: "json-values",
  seedsOf: "jsonl-lines",
  run({ bytes }) {
    for (let start = 0; start <= bytes.length; ) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline === -1 ? bytes.length : newline;
      checkLine(bytes.subarray(start, end));
      start = end + 1;
    }
  },
};

/** The scanner rejects deeper values, and `JSON.parse` reads them. */
const MAX_DEPTH = 256;

function checkLine(line: Buffer): void {
  const value = JsonValue.of(line);
  const text = line.toString("utf8");
  const parsed = parse(text);
  if (value === undefined) {
    must(parsed === undefined || depthOf(text) > MAX_DEPTH, "what JSON.parse accepts is accepted");
    return;
  }
  must(parsed !== undefined, "what is accepted is JSON");
  if (line.length < 100_000) checkValue(value, parsed.value);
}

function checkValue(value: JsonValue, parsed: unknown): void {
  must(JSON.stringify(JSON.parse(value.text)) === JSON.stringify(parsed), "the text is that of the value");
  if (Array.isArray(parsed)) {
    const elements = value.elements();
    must(elements.length === parsed.length, "as many elements");
    for (const [index, element] of elements.slice(0, 3).entries()) checkValue(element, parsed[index]);
  } else if (typeof parsed === "object" && parsed !== null) {
    must(new Set(value.members().map(({ key }) => key)).size === Object.keys(parsed).length, "as many keys");
    for (const key of Object.keys(parsed).slice(0, 20)) {
      const found = value.get(key);
      must(found !== undefined, "each key is found");
      checkValue(found, (parsed as Record<string, unknown>)[key]);
    }
  } else if (typeof parsed === "string") must(value.string === parsed, "the string is the same");
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

/** Returns an upper bound of the depth of JSON text: brackets in strings count too. */
function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const character of text) {
    if (character === "[" || character === "{") most = Math.max(most, ++depth);
    if (character === "]" || character === "}") depth--;
  }
  return most;
}
