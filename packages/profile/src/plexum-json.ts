import { addToList, removeFromList, removeMember, setMember, textAt } from "./json-edit.ts";

/** How much of `plexum.json` had to be created to add a plugin's name to `plugins.allow`. */
export type AllowEntry = "file" | "plugins" | "allow" | "entry" | "nothing";

const PLUGINS = ["plugins"];
const ALLOW = ["plugins", "allow"];

/**
 * Adds a plugin to those that the host may start, in the text of `plexum.json`. Pass undefined for a missing file. Every
 * other byte stays.
 *
 * @throws SyntaxError if the text is not JSON, `plugins` is not an object, or `plugins.allow` is not a list.
 */
export function allowPlugin(text: string | undefined, name: string): { text: string; made: AllowEntry } {
  if (text === undefined) return { text: `${JSON.stringify({ plugins: { allow: [name] } }, null, 2)}\n`, made: "file" };
  if (textAt(text, PLUGINS) === undefined)
    return { text: setMember(text, [], "plugins", { allow: [name] }), made: "plugins" };
  if (textAt(text, ALLOW) === undefined) return { text: setMember(text, PLUGINS, "allow", [name]), made: "allow" };
  const added = addToList(text, ALLOW, name);
  return { text: added, made: added === text ? "nothing" : "entry" };
}

/** Returns whether the host may start the plugin. @throws as `allowPlugin` does. */
export function isAllowed(text: string | undefined, name: string): boolean {
  return text !== undefined && allowPlugin(text, name).made === "nothing";
}

/**
 * Removes what `allowPlugin` created, unless something else uses it now. Returns undefined if the file has nothing left in
 * it.
 *
 * @throws as `allowPlugin` does.
 */
export function disallowPlugin(text: string, name: string, made: AllowEntry): string | undefined {
  if (made === "nothing" || textAt(text, ALLOW) === undefined) return text;
  let rest = removeFromList(text, ALLOW, name);
  if (made !== "entry" && isEmpty(rest, ALLOW)) rest = removeMember(rest, PLUGINS, "allow");
  if ((made === "file" || made === "plugins") && isEmpty(rest, PLUGINS)) rest = removeMember(rest, [], "plugins");
  return made === "file" && isEmpty(rest, []) ? undefined : rest;
}

const isEmpty = (text: string, path: readonly string[]) => /^[[{]\s*[\]}]$/.test(textAt(text, path) ?? "");
