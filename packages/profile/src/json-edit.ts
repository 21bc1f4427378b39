import { type ArrayNode, type DocumentNode, type ObjectNode, parse, type ValueNode } from "@humanwhocodes/momoa";

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Edits of JSON text that change nothing but what they are about: a person wrote the rest, and wrote it so. Each takes the
 * text of a whole document, whose root is an object, and throws `SyntaxError` if it isn't one.
 *
 * What is added is written as its neighbours are. What was added last is taken out without a trace.
 */
export type JsonPath = readonly string[];

/** The value at a path as JSON text, exactly as it stands; undefined if there is none. */
export function textAt(text: string, path: JsonPath): string | undefined {
  const found = find(rootOf(text), path);
  return found && text.slice(...rangeOf(found));
}

/** Gives a member of the object at `path` a value, in its place if there is one, else behind the others. */
export function setMember(text: string, path: JsonPath, name: string, value: Json): string {
  const object = objectAt(text, path);
  const present = member(object, name);
  if (present === undefined) return insert(text, object, { name, value }, path.length + 1);
  return splice(text, rangeOf(present.value), JSON.stringify(value));
}

/** Gives a member its value back as the text that once stood there. */
export function setMemberText(text: string, path: JsonPath, name: string, valueText: string): string {
  const present = member(objectAt(text, path), name);
  return present === undefined ? text : splice(text, rangeOf(present.value), valueText);
}

export function removeMember(text: string, path: JsonPath, name: string): string {
  const object = objectAt(text, path);
  const present = member(object, name);
  return present === undefined ? text : remove(text, object, object.members.indexOf(present));
}

/** Adds a string to the end of the list at `path`, unless it is there. */
export function addToList(text: string, path: JsonPath, value: string): string {
  const list = listAt(text, path);
  return positionOf(list, value) === -1 ? insert(text, list, { value }, path.length + 1) : text;
}

/** Takes a string out of the list at `path`, wherever it is there. */
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

/** A byte order mark is no part of JSON, and stays where it is. */
function rootOf(text: string): ObjectNode {
  const mark = text.startsWith("\ufeff") ? 1 : 0;
  const { body } = parseJson(text.slice(mark).padStart(text.length));
  if (body.type !== "Object") throw new SyntaxError("it holds no JSON object");
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

/** Of two members with one name the last counts, as it does for those who read the file. */
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

/** Something to insert: a list's element, or with a name a member. */
interface Item {
  readonly name?: string;
  readonly value: Json;
}

function insert(text: string, container: Container, item: Item, depth: number): string {
  const last = items(container).at(-1);
  if (last === undefined) {
    const behindBracket = rangeOf(container)[0] + 1;
    return splice(text, [behindBracket, behindBracket], write(item, "", depth));
  }
  const before = text.slice(0, last[0]);
  const space = before.slice(before.trimEnd().length);
  return splice(text, [last[1], last[1]], `,${space}${write(item, space, depth)}`);
}

/** @param space What stands before the item: where its neighbours have a line each, so have the parts of its value. */
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
