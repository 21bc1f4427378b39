import { addToList, removeFromList, removeMember, setMember, textAt } from "./json-edit.ts";

/** How much of `plexum.json` had to be made for a plugin's name to stand in `plugins.allow`. */
export type AllowEntry = "file" | "plugins" | "allow" | "entry" | "nothing";

const PLUGINS = ["plugins"];
const ALLOW = ["plugins", "allow"];

/**
 * Adds a plugin to those that the host may start, in the text of `plexum.json`; undefined stands for a file that is not
 * there. Every other byte stays.
 *
 * @throws SyntaxError if the text is not JSON, or `plugins` no object, or `plugins.allow` no list.
 */
export function allowPlugin(text: string | undefined, name: string): { text: string; made: AllowEntry } {
  if (text === undefined) return { text: `${JSON.stringify({ plugins: { allow: [name] } }, null, 2)}\n`, made: "file" };
  if (textAt(text, PLUGINS) === undefined)
    return { text: setMember(text, [], "plugins", { allow: [name] }), made: "plugins" };
  if (textAt(text, ALLOW) === undefined) return { text: setMember(text, PLUGINS, "allow", [name]), made: "allow" };
  const added = addToList(text, ALLOW, name);
  return { text: added, made: added === text ? "nothing" : "entry" };
}

/** Whether the host may start the plugin. Throws as `allowPlugin`. */
export function isAllowed(text: string | undefined, name: string): boolean {
  return text !== undefined && allowPlugin(text, name).made === "nothing";
}

/**
 * Takes back what `allowPlugin` made, as far as nobody else uses it by now. Undefined: the file has nothing left in it.
 * Throws as `allowPlugin`.
 */
export function disallowPlugin(text: string, name: string, made: AllowEntry): string | undefined {
  if (made === "nothing" || textAt(text, ALLOW) === undefined) return text;
  let rest = removeFromList(text, ALLOW, name);
  if (made !== "entry" && isEmpty(rest, ALLOW)) rest = removeMember(rest, PLUGINS, "allow");
  if ((made === "file" || made === "plugins") && isEmpty(rest, PLUGINS)) rest = removeMember(rest, [], "plugins");
  return made === "file" && isEmpty(rest, []) ? undefined : rest;
}

const isEmpty = (text: string, path: readonly string[]) => /^[[{]\s*[\]}]$/.test(textAt(text, path) ?? "");
