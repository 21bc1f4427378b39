import { type ArrayNode, type DocumentNode, type ObjectNode, parse, type ValueNode } from "@humanwhocodes/momoa";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Edits of JSON text that change only their target, since the user formatted the rest. Each takes the text of a whole
 * document, whose root is an object, and throws `SyntaxError` if it isn't one.
 *
 * An added item is formatted like its neighbors. Removing the item that was added last leaves no trace.
 */
export type JsonPath = readonly string[];

/** Returns the value at a path as JSON text, verbatim. Returns undefined if there is none. */
export function textAt(text: string, path: JsonPath): string | undefined {
  const found = find(rootOf(text), path);
  return found && text.slice(...rangeOf(found));
}

/** Sets a member of the object at `path`: in place if it exists, else after the others. */
export function setMember(text: string, path: JsonPath, name: string, value: Json): string {
  const object = objectAt(text, path);
  const present = member(object, name);
  if (present === undefined) return insert(text, object, { name, value }, path.length + 1);
  return splice(text, rangeOf(present.value), JSON.stringify(value));
}

/** Replaces a member's value with JSON text that `textAt` returned earlier. */
export function setMemberText(text: string, path: JsonPath, name: string, valueText: string): string {
  const present = member(objectAt(text, path), name);
  return present === undefined ? text : splice(text, rangeOf(present.value), valueText);
}

export function removeMember(text: string, path: JsonPath, name: string): string {
  const object = objectAt(text, path);
  const present = member(object, name);
  return present === undefined ? text : remove(text, object, object.members.indexOf(present));
}

/** Adds a string to the end of the list at `path`, unless the list has it. */
export function addToList(text: string, path: JsonPath, value: string): string {
  const list = listAt(text, path);
  return positionOf(list, value) === -1 ? insert(text, list, { value }, path.length + 1) : text;
}

/** Removes every occurrence of a string from the list at `path`. */
export function removeFromList(text: string, path: JsonPath, value: string): string {
  for (let rest = text; ; ) {
    const list = listAt(rest, path);
    const position = positionOf(list, value);
    if (position === -1) return rest;
    rest = remove(rest, list, position);
  }
}

type Container = ObjectNode | ArrayNode;
type Range = [start: number, end: number];

/** Parses the document. A byte order mark is not part of JSON, and is kept. */
function rootOf(text: string): ObjectNode {
  const mark = text.startsWith("\ufeff") ? 1 : 0;
  const { body } = parseJson(text.slice(mark).padStart(text.length));
  if (body.type !== "Object") throw new SyntaxError("it is not a JSON object");
  return body;
}

function parseJson(text: string): DocumentNode {
  try {
    return parse(text, { mode: "json", ranges: true });
  } catch (error) {
    throw new SyntaxError((error as Error).message, { cause: error });
  }
}

function find(root: ObjectNode, path: JsonPath): ValueNode | undefined {
  let node: ValueNode | undefined = root;
  for (const name of path) node = node?.type === "Object" ? member(node, name)?.value : undefined;
  return node;
}

function objectAt(text: string, path: JsonPath): ObjectNode {
  const found = find(rootOf(text), path);
  if (found?.type === "Object") return found;
  throw new SyntaxError(`"${path.join(".")}" is not an object`);
}

function listAt(text: string, path: JsonPath): ArrayNode {
  const found = find(rootOf(text), path);
  if (found?.type === "Array") return found;
  throw new SyntaxError(`"${path.join(".")}" is not a list`);
}

/** Returns the last of several members with one name, since that one counts for the programs that read the file. */
const member = (object: ObjectNode, name: string) =>
  object.members.findLast((one) => one.name.type === "String" && one.name.value === name);

const positionOf = (list: ArrayNode, value: string) =>
  list.elements.findIndex((one) => one.value.type === "String" && one.value.value === value);

function rangeOf(node: { range?: Range | number[] }): Range {
  const [start, end] = node.range ?? [];
  if (start === undefined || end === undefined) throw new TypeError("the parser gave no range");
  return [start, end];
}

const items = (container: Container): Range[] =>
  container.type === "Object"
    ? container.members.map((one) => [rangeOf(one.name)[0], rangeOf(one.value)[1]])
    : container.elements.map((one) => rangeOf(one.value));

const splice = (text: string, [start, end]: Range, replacement: string) =>
  text.slice(0, start) + replacement + text.slice(end);

/** Something to insert: an element of a list, or, with a name, a member of an object. */
interface Item {
  readonly name?: string;
  readonly value: Json;
}

function insert(text: string, container: Container, item: Item, depth: number): string {
  const last = items(container).at(-1);
  if (last === undefined) {
    const afterBracket = rangeOf(container)[0] + 1;
    return splice(text, [afterBracket, afterBracket], write(item, "", depth));
  }
  const before = text.slice(0, last[0]);
  const space = before.slice(before.trimEnd().length);
  return splice(text, [last[1], last[1]], `,${space}${write(item, space, depth)}`);
}

/** @param space The white space before the item. If it has a line break, the parts of the item's value get a line each too. */
function write({ name, value }: Item, space: string, depth: number): string {
  const [line, indent = ""] = /\r?\n([ \t]+)$/.exec(space) ?? [];
  const step = indent.slice(0, Math.ceil(indent.length / depth));
  const text = line === undefined ? JSON.stringify(value) : JSON.stringify(value, null, step).replaceAll("\n", line);
  return name === undefined ? text : `${JSON.stringify(name)}:${space === "" ? "" : " "}${text}`;
}

function remove(text: string, container: Container, position: number): string {
  const all = items(container);
  const [start, end] = all[position] as Range;
  const before = all[position - 1];
  const after = all[position + 1];
  if (before !== undefined) return splice(text, [before[1], end], "");
  return splice(text, [start, after === undefined ? end : after[0]], "");
}
