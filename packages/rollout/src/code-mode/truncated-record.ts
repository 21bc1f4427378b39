import type { ResultText } from "./replace-passed-on.ts";

/** What codex writes in place of the middle that it cuts out of a record. */
const CUT = /…\d+ chars truncated…/;

/**
 * Returns the texts of a tool's result from a text of codex's record that has the result as JSON, with the middle cut out. Returns
 * undefined for any other text.
 *
 * Codex 0.163 to 0.166 write such records if a result is longer than some 64 KB. 0.161 keeps the result complete, and 0.169 cuts the text
 * itself. A text that was cut is returned in the form of 0.169.
 */
export function textsOfCutRecord(recorded: string): ResultText[] | undefined {
  const cut = CUT.exec(recorded);
  if (cut === null || !recorded.startsWith('{"content":[') || !recorded.endsWith("}")) return undefined;
  const before = recorded.slice(0, cut.index);
  // A quotation mark that does not end a text is the second half of an escape that was cut.
  const after = recorded.slice(cut.index + cut[0].length).replace(/^"(?![,}])/, "");
  const [, beginning] = /"text":"((?:[^"\\]|\\.)*)\\?$/s.exec(before) ?? [];
  if (beginning === undefined) return undefined;
  const [, end = ""] = /^((?:[^"\\]|\\.)*)"/s.exec(after) ?? [];
  const texts = [...wholeTexts(before), ...wholeTexts(after.slice(end.length + 1))];
  texts.push(`Truncated tool output:\n${unescapeBeginning(beginning)}${cut[0]}${unescapeEnd(end)}`);
  return texts.map((text) => ({ text, isJson: false }));
}

const wholeTexts = (json: string): string[] =>
  Array.from(json.matchAll(/"text":("(?:[^"\\]|\\.)*")/gs), ([, text = '""']) => JSON.parse(text));

/** The length of the longest escape that may be cut. */
const LONGEST_ESCAPE = "\\uXXXX\\uXXXX".length;

const unescapeBeginning = (json: string) => unescaped((dropped) => json.slice(0, json.length - dropped));
const unescapeEnd = (json: string) => unescaped((dropped) => json.slice(dropped));

function unescaped(without: (dropped: number) => string): string {
  for (let dropped = 0; dropped < LONGEST_ESCAPE; dropped++) {
    try {
      return JSON.parse(`"${without(dropped)}"`);
    } catch {
      // Half of an escape is at the cut.
    }
  }
  return "";
}
