import { isDeepStrictEqual } from "node:util";
import { type Json, removeMember, setMember, setMemberText, textAt } from "./json-edit.ts";

/** What an installation made of a plugin's `config.json`. */
export interface ConfigKeys {
  /** Whether there was no file. */
  made: boolean;
  /**
   * By key: the value that was set, and the text that stood there before. While an installation is under way there are two
   * values: the one that stood there, of an earlier installation, and the one that is about to.
   */
  keys: Record<string, { set: Json[]; before?: string | undefined }>;
}

/**
 * Sets keys of a config; undefined stands for a file that is not there. What a person has put in the place of an earlier
 * installation's value is theirs from then on, and so is the file.
 *
 * @throws SyntaxError if the text is not a JSON object.
 */
export function setKeys(
  text: string | undefined,
  values: { readonly [key: string]: Json },
  earlier: ConfigKeys = { made: false, keys: {} },
): { text: string | undefined; recorded: ConfigKeys } {
  let after = text;
  const recorded = { made: earlier.made, keys: { ...earlier.keys } };
  for (const [key, value] of Object.entries(values)) {
    const now = text === undefined ? undefined : textAt(text, [key]);
    const first = earlier.keys[key];
    const ours = first && whichOf(now, first.set);
    if (ours === undefined) {
      recorded.keys[key] = { set: [value], before: now };
      // An installation that was killed before it wrote leaves what was there before.
      if (first !== undefined && now !== first.before) recorded.made = false;
    } else
      recorded.keys[key] = { set: isDeepStrictEqual(ours, value) ? [value] : [ours, value], before: first?.before };
    after = setMember(after ?? "{}", [], key, value);
  }
  if (text !== undefined || after === undefined) return { text: after, recorded };
  return { text: `${JSON.stringify(values, null, 2)}\n`, recorded: { ...recorded, made: true } };
}

/** When the config has been written, what stood there of an earlier installation is nobody's any more. */
export const settleKeys = ({ made, keys }: ConfigKeys): ConfigKeys => ({
  made,
  keys: Object.fromEntries(Object.entries(keys).map(([key, { set, before }]) => [key, { set: set.slice(-1), before }])),
});

/**
 * Takes back what `setKeys` set, as far as it is still that. Undefined: the file has nothing left in it.
 * Throws as `setKeys`.
 */
export function unsetKeys(text: string, { made, keys }: ConfigKeys): string | undefined {
  let rest = text;
  for (const [key, { set, before }] of Object.entries(keys)) {
    if (whichOf(textAt(rest, [key]), set) === undefined) continue;
    rest = before === undefined ? removeMember(rest, [], key) : setMemberText(rest, [], key, before);
  }
  return made && /^\s*\{\s*\}\s*$/.test(rest) ? undefined : rest;
}

/** The one of the values that the text stands for. */
function whichOf(text: string | undefined, values: readonly Json[]): Json | undefined {
  return text === undefined ? undefined : values.find((value) => isDeepStrictEqual(JSON.parse(text), value));
}
