import { isDeepStrictEqual } from "node:util";
import { type Json, removeMember, setMember, setMemberText, textAt } from "./json-edit.ts";

/** What an installation changed in a plugin's `config.json`. */
export interface ConfigKeys {
  /** Whether the installation created the file. */
  made: boolean;
  /**
   * By key: the value that was set, and the text that was there before. While an installation is in progress there can be
   * two values: the one of an earlier installation, and the one that is about to replace it.
   */
  keys: Record<string, { set: Json[]; before?: string | undefined }>;
}

/**
 * Sets keys of a config. Pass undefined for a missing file. A value that the user wrote over an earlier installation's
 * belongs to the user from then on, and so does the file.
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
      // If an installation was killed before it wrote the config, the previous value is still there.
      if (first !== undefined && now !== first.before) recorded.made = false;
    } else
      recorded.keys[key] = { set: isDeepStrictEqual(ours, value) ? [value] : [ours, value], before: first?.before };
    after = setMember(after ?? "{}", [], key, value);
  }
  if (text !== undefined || after === undefined) return { text: after, recorded };
  return { text: `${JSON.stringify(values, null, 2)}\n`, recorded: { ...recorded, made: true } };
}

/** Drops the values of earlier installations from the record. Call it once the config is written: they are no longer in it. */
export const settleKeys = ({ made, keys }: ConfigKeys): ConfigKeys => ({
  made,
  keys: Object.fromEntries(Object.entries(keys).map(([key, { set, before }]) => [key, { set: set.slice(-1), before }])),
});

/**
 * Undoes `setKeys` for each key that still has the value it set. Returns undefined if the file has nothing left in it.
 *
 * @throws as `setKeys` does.
 */
export function unsetKeys(text: string, { made, keys }: ConfigKeys): string | undefined {
  let rest = text;
  for (const [key, { set, before }] of Object.entries(keys)) {
    if (whichOf(textAt(rest, [key]), set) === undefined) continue;
    rest = before === undefined ? removeMember(rest, [], key) : setMemberText(rest, [], key, before);
  }
  return made && /^\s*\{\s*\}\s*$/.test(rest) ? undefined : rest;
}

/** Returns the value that the text represents, or undefined if it is none of them. */
function whichOf(text: string | undefined, values: readonly Json[]): Json | undefined {
  return text === undefined ? undefined : values.find((value) => isDeepStrictEqual(JSON.parse(text), value));
}
