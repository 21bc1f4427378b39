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

/** A result as a script may have passed it on. */
interface Form {
  readonly whole: string;
  /** What is left of it where codex cut its record; the whole where it did not. */
  readonly head: string;
  readonly tail: string;
  readonly isCut: boolean;
}

/** Kept for as long as a result is looked for, which may be in the outputs of many scripts. */
const forms = new WeakMap<ResultText, readonly Form[]>();

/** By how often it is escaped; up to where that makes no difference any more. */
function formsOf(result: ResultText): readonly Form[] {
  const known = forms.get(result);
  if (known !== undefined) return known;
  const { text } = result;
  const cut = RECORD_CUT.exec(text);
  const made = [...new Set(ESCAPES.map((times) => escaped(text, times)))].map((whole, times) => ({
    whole,
    head: cut === null ? whole : escaped(cut[1] ?? "", times),
    tail: cut === null ? whole : escaped(cut[2] ?? "", times),
    isCut: cut !== null,
  }));
  forms.set(result, made);
  return made;
}

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
    for (const [times, form] of formsOf(result).entries()) {
      const insert = escaped(
        result.isJson && current !== result.text ? JSON.stringify(replacement) : replacement,
        times,
      );
      const whole = replaceWhole(current, form.whole, insert);
      current = replaceCut(whole ?? current, form, insert, whole !== undefined) ?? whole ?? current;
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

/**
 * A result of which a cut, in the record or in the output, left a beginning and an end.
 *
 * @param isCopy It was found whole too: the cut went through it only if it begins once more before the cut.
 */
function replaceCut(text: string, form: Form, insert: string, isCopy: boolean): string | undefined {
  const cut = OUTPUT_CUT.exec(text);
  if (cut === null) return undefined;
  const before = text.slice(0, cut.index);
  const behind = text.slice(cut.index + cut[0].length);
  const head = overlap(before, form.head);
  const tail = overlap(form.tail, behind);
  if (head === 0 && (tail === 0 || isCopy)) return undefined;
  // Where the record itself is cut, what stands behind the output's cut may be a part of the result that it doesn't hold.
  if (tail === 0 && form.isCut) return undefined;
  return (head === 0 ? before + cut[0] : before.slice(0, -head)) + insert + behind.slice(tail);
}

/**
 * The length of the longest end of one text that another begins with; 0 if it is shorter than a seed.
 *
 * The longest, since of a result that repeats itself, such as equal lines of a log, a shorter one fits too, and would leave the rest.
 * Where such a result is followed by more of the same text, that goes with it: rather too much of one text than too little. What
 * differs from the result stays.
 */
function overlap(ending: string, beginning: string): number {
  if (beginning.length < SEED_LENGTH || !ending.includes(beginning.slice(0, SEED_LENGTH))) return 0;
  // By Knuth, Morris and Pratt: of each beginning of `beginning`, the longest shorter one that it ends with.
  const length = Math.min(ending.length, beginning.length);
  const borders = new Uint32Array(length);
  const extend = (matched: number, character: number) => {
    while (matched > 0 && (matched === length || beginning.charCodeAt(matched) !== character))
      matched = borders[matched - 1] ?? 0;
    return beginning.charCodeAt(matched) === character ? matched + 1 : 0;
  };
  for (let at = 1, matched = 0; at < length; at++) borders[at] = matched = extend(matched, beginning.charCodeAt(at));
  let matched = 0;
  for (let at = ending.length - length; at < ending.length; at++) matched = extend(matched, ending.charCodeAt(at));
  return matched < SEED_LENGTH ? 0 : matched;
}
