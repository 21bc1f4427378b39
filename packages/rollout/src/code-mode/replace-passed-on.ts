/**
 * Finds a tool's result in the text that a script in code mode passed on to the model.
 *
 * The result may be there raw or escaped as JSON, alone or inside a longer text, once or several times. Codex cuts the middle out of a
 * long output, and marks the cut in the text. It does the same to its own record of the result. So only the beginning and the end of a
 * long result may be left in either of them.
 */

/** A text of a result, as codex recorded it. */
export interface ResultText {
  readonly text: string;
  /** True if the text is a JSON value, not the content of a string. In a longer text, a JSON string replaces it. */
  readonly isJson: boolean;
}

/** How often a script may have escaped a text: not at all, by `JSON.stringify` of something that contains it, or twice. */
const ESCAPES = [0, 1, 2];
/** A text shorter than this may be in an output by chance. It counts only if it is delimited. */
const MIN_LOOSE_LENGTH = 12;
/** How much of a text must be left next to a cut to identify it. */
const SEED_LENGTH = 24;
const RECORD_CUT = /^Truncated tool output:\n([\s\S]*)…\d+ (?:chars|tokens) truncated…([\s\S]*)$/;
const OUTPUT_CUT = /…\d+ (?:chars|tokens) truncated…/;

const escaped = (text: string, times: number): string =>
  times === 0 ? text : escaped(JSON.stringify(text).slice(1, -1), times - 1);

/** A result as a script may have passed it on. */
interface Form {
  readonly whole: string;
  /** The beginning that is left if codex cut its record; otherwise the whole text. */
  readonly head: string;
  /** The same for the end. */
  readonly tail: string;
  readonly isCut: boolean;
}

/** The forms of a result. They are kept while it is searched for, possibly in the outputs of many scripts. */
const forms = new WeakMap<ResultText, readonly Form[]>();

/** Returns the forms of a result, by how often it is escaped. Omits those that further escaping does not change. */
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
 * Replaces every occurrence of some results in an output.
 *
 * @returns Undefined if there is none: the script passed nothing on, or changed it.
 */
export function replacePassedOn(
  output: string,
  results: readonly ResultText[],
  replacement: string,
): string | undefined {
  let current = output;
  // Replace the longest first, since a shorter one may be part of it.
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
    if (wanted.length >= MIN_LOOSE_LENGTH || (isDelimited(text, at - 1) && isDelimited(text, end))) {
      result += text.slice(copied, at) + insert;
      copied = end;
    }
    at = text.indexOf(wanted, end);
  }
  return copied === 0 ? undefined : result + text.slice(copied);
}

const isDelimited = (text: string, at: number) => at < 0 || at >= text.length || '"\n\\'.includes(text.charAt(at));

/**
 * Replaces a result of which only a beginning and an end are left, after a cut in the record or in the output.
 *
 * @param isCopy True if the result was also found complete. Then the cut went through it only if it begins once more before the cut.
 */
function replaceCut(text: string, form: Form, insert: string, isCopy: boolean): string | undefined {
  const cut = OUTPUT_CUT.exec(text);
  if (cut === null) return undefined;
  const before = text.slice(0, cut.index);
  const after = text.slice(cut.index + cut[0].length);
  const head = overlap(before, form.head);
  const tail = overlap(form.tail, after);
  if (head === 0 && (tail === 0 || isCopy)) return undefined;
  // If the record itself is cut, the text after the output's cut may be a part of the result that is not in the record.
  if (tail === 0 && form.isCut) return undefined;
  return (head === 0 ? before + cut[0] : before.slice(0, -head)) + insert + after.slice(tail);
}

/**
 * Returns the length of the longest end of one text with which another begins. Returns 0 if it is shorter than a seed.
 *
 * It has to be the longest one. In a result that repeats itself, such as equal lines of a log, a shorter one matches too, and would
 * leave the rest. More of the same text right after such a result is replaced too: too much is better than too little. Text that differs
 * from the result stays.
 */
function overlap(ending: string, beginning: string): number {
  if (beginning.length < SEED_LENGTH || !ending.includes(beginning.slice(0, SEED_LENGTH))) return 0;
  // Knuth-Morris-Pratt: for each prefix of `beginning`, the length of its longest proper prefix that is also its end.
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
