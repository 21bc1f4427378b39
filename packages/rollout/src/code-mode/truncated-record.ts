import type { ResultText } from "./replace-passed-on.ts";

/** What codex writes in place of the middle that it leaves out of a record. */
const CUT = /…\d+ chars truncated…/;

/**
 * The texts of a tool's result that codex wrote into one text of its record as JSON, with the middle cut out: 0.163 to 0.166 do so
 * when a result is longer than some 64 KB (0.161 keeps it whole, 0.169 cuts the text itself). What the cut went through is
 * given as 0.169 gives it. Undefined for a text that is no such record.
 */
export function textsOfCutRecord(recorded: string): ResultText[] | undefined {
  const cut = CUT.exec(recorded);
  if (cut === null || !recorded.startsWith('{"content":[') || !recorded.endsWith("}")) return undefined;
  const before = recorded.slice(0, cut.index);
  // A quotation mark that ends no text is the second half of an escape that the cut went through.
  const behind = recorded.slice(cut.index + cut[0].length).replace(/^"(?![,}])/, "");
  const [, beginning] = /"text":"((?:[^"\\]|\\.)*)\\?$/s.exec(before) ?? [];
  if (beginning === undefined) return undefined;
  const [, end = ""] = /^((?:[^"\\]|\\.)*)"/s.exec(behind) ?? [];
  const texts = [...wholeTexts(before), ...wholeTexts(behind.slice(end.length + 1))];
  texts.push(`Truncated tool output:\n${unescapeBeginning(beginning)}${cut[0]}${unescapeEnd(end)}`);
  return texts.map((text) => ({ text, isJson: false }));
}

const wholeTexts = (json: string): string[] =>
  Array.from(json.matchAll(/"text":("(?:[^"\\]|\\.)*")/gs), ([, text = '""']) => JSON.parse(text));

/** The longest of an escape that the cut went through. */
const LONGEST_ESCAPE = "\\uXXXX\\uXXXX".length;

const unescapeBeginning = (json: string) => unescaped((dropped) => json.slice(0, json.length - dropped));
const unescapeEnd = (json: string) => unescaped((dropped) => json.slice(dropped));

function unescaped(without: (dropped: number) => string): string {
  for (let dropped = 0; dropped < LONGEST_ESCAPE; dropped++) {
    try {
      return JSON.parse(`"${without(dropped)}"`);
    } catch {
      // Half of an escape stands at the cut.
    }
  }
  return "";
}
