/**
 * Finds a tool's result in what a script of code mode passed on of it to the model.
 *
 * A result may stand there raw or escaped as JSON, alone or inside a longer text, once or more often. Codex cuts a long output in the
 * middle and says so in the text; and it cuts its own record of the result likewise. So of a long result a beginning and an
 * end may be all that is left on either side.
 */

/** A text of a result, as codex recorded it. */
export interface ResultText {
  readonly text: string;
  /** A value of its own in JSON, not a string's content: replaced by a JSON string where it is part of a longer text. */
  readonly isJson: boolean;
}

/** What a script may have done to a text: nothing, `JSON.stringify` of something that holds it, or the same once more. */
const ESCAPES = [0, 1, 2];
/** A shorter text may stand in an output by chance: it counts only where it stands alone. */
const MIN_LOOSE_LENGTH = 12;
/** Of what a cut left of a text at least this much must be there to know it by. */
const SEED_LENGTH = 24;
const RECORD_CUT = /^Truncated tool output:\n([\s\S]*)…\d+ (?:chars|tokens) truncated…([\s\S]*)$/;
const OUTPUT_CUT = /…\d+ (?:chars|tokens) truncated…/;

const escaped = (text: string, times: number): string =>
  times === 0 ? text : escaped(JSON.stringify(text).slice(1, -1), times - 1);

/**
 * Replaces every occurrence.
 *
 * @returns undefined if there is none: the script passed nothing on, or changed it.
 */
export function replacePassedOn(
  output: string,
  results: readonly ResultText[],
  replacement: string,
): string | undefined {
  let current = output;
  // The longest first: a shorter one may be part of it.
  for (const result of [...results].sort((a, b) => b.text.length - a.text.length)) {
    if (result.text.trim() === "") continue;
    const done = new Set<string>();
    for (const times of ESCAPES) {
      const form = (text: string) => escaped(text, times);
      const wanted = form(result.text);
      if (done.has(wanted)) continue;
      done.add(wanted);
      const insert = form(result.isJson && current !== result.text ? JSON.stringify(replacement) : replacement);
      current = replaceWhole(current, wanted, insert) ?? replaceCut(current, result.text, form, insert) ?? current;
    }
  }
  return current === output ? undefined : current;
}

function replaceWhole(text: string, wanted: string, insert: string): string | undefined {
  let result = "";
  let copied = 0;
  for (let at = text.indexOf(wanted); at !== -1; ) {
    const end = at + wanted.length;
    if (wanted.length >= MIN_LOOSE_LENGTH || (standsAlone(text, at - 1) && standsAlone(text, end))) {
      result += text.slice(copied, at) + insert;
      copied = end;
    }
    at = text.indexOf(wanted, end);
  }
  return copied === 0 ? undefined : result + text.slice(copied);
}

const standsAlone = (text: string, at: number) => at < 0 || at >= text.length || '"\n\\'.includes(text.charAt(at));

/** A result of which a cut, in the record or in the output, left a beginning and an end. */
function replaceCut(text: string, record: string, form: (text: string) => string, insert: string): string | undefined {
  const recordCut = RECORD_CUT.exec(record);
  const cut = OUTPUT_CUT.exec(text);
  if (cut === null || record.length < SEED_LENGTH) return undefined;
  const head = form(recordCut?.[1] ?? record);
  const tail = form(recordCut?.[2] ?? record);
  const afterCut = cut.index + cut[0].length;
  const start = headBefore(text, cut.index, head);
  const end = tailAfter(text, afterCut, tail);
  if (start === undefined && end === undefined) return undefined;
  // Where the record itself is cut, what stands behind the output's cut may be a part of the result that it doesn't hold.
  if (end === undefined && recordCut !== null) return undefined;
  return text.slice(0, start ?? afterCut) + insert + text.slice(end ?? afterCut);
}

/** Where a beginning of `head` begins that goes on right up to the cut. */
function headBefore(text: string, cut: number, head: string): number | undefined {
  for (
    let at = text.indexOf(head.slice(0, SEED_LENGTH));
    at !== -1 && at < cut;
    at = text.indexOf(head.slice(0, SEED_LENGTH), at + 1)
  )
    if (head.startsWith(text.slice(at, cut))) return at;
  return undefined;
}

/** Where an end of `tail` ends that begins right behind the cut. */
function tailAfter(text: string, cut: number, tail: string): number | undefined {
  const seed = text.slice(cut, cut + SEED_LENGTH);
  if (seed.length < SEED_LENGTH) return undefined;
  for (let at = tail.lastIndexOf(seed); at !== -1; at = at === 0 ? -1 : tail.lastIndexOf(seed, at - 1))
    if (text.startsWith(tail.slice(at), cut)) return cut + tail.length - at;
  return undefined;
}
