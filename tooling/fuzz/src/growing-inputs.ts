import { type Json, jsonLines, type Path, pathsIn, textWith, valueAt } from "./json-tree.ts";

/** Inputs of one form, of any size. */
export interface GrowingInput {
  readonly name: string;
  /** Returns an input of about this many bytes. */
  of(size: number): Buffer;
}

/** Texts that, repeated, are slow for some regular expression. */
const REPEATED = [
  "a",
  " ",
  "\n",
  "\r\n",
  "\\",
  '"',
  "<",
  "<a_a>",
  "</a_a>",
  "<image name=[",
  "<image ",
  "<image name=[a] ",
  "## My request for ",
  "# AGENTS.md instructions\n<INSTRUCTIONS>",
  "[",
  "](",
  "```",
  "{",
  "(",
  "@",
  "http://a",
  "model ",
  "/",
  "../",
  "exec-",
  "1",
  "é",
  "😀",
  "\u2028",
  "\ud800",
];

/** Returns, for each value of some lines, the line with a long or deep value in its place, and the line repeated. */
export function growingInputs(seeds: readonly Buffer[]): GrowingInput[] {
  const lines = differentLines(seeds.flatMap(jsonLines));
  const isNew = seldom(2);
  const whole = Buffer.concat(seeds.map((seed) => Buffer.concat([seed, Buffer.from("\n")])));
  return [
    { name: "all seeds, over and over", of: (size) => repeated(whole, size) },
    ...REPEATED.slice(0, 14).map((token) => ({
      name: `${JSON.stringify(token)} over and over`,
      of: (size: number) => repeated(Buffer.from(token), size),
    })),
    ...lines.flatMap((line, index) => [
      { name: `line ${index}, over and over`, of: (size: number) => numbered([], [line], size) },
      {
        name: `the lines up to ${index}, then this one`,
        of: (size: number) => numbered(lines.slice(0, index), [line], size),
      },
      ...(index === 0
        ? []
        : [
            {
              name: `lines ${index - 1} and ${index} in turn`,
              of: (size: number) => numbered(lines.slice(0, 2), lines.slice(index - 1, index + 1), size),
            },
          ]),
      ...pathsIn(line)
        .filter((path) => isNew(path.slice(-2).join(".").replaceAll(/\d+/g, "#")))
        .flatMap((path) => growingValues(line, index, path)),
    ]),
  ];
}

function growingValues(line: Json, index: number, path: Path): GrowingInput[] {
  const at = `line ${index}, ${path.join(".") || "all of it"}`;
  const value = valueAt(line, path);
  const input = (name: string, text: (size: number) => string): GrowingInput => ({
    name: `${at}: ${name}`,
    of: (size) => Buffer.from(textWith(line, path, text(size))),
  });
  const elements = (text: string, size: number) =>
    Array<string>(Math.max(1, Math.floor(size / (text.length + 1)))).fill(text);
  const own = JSON.stringify(value);
  const shared = [
    input("many of it", (size) => `[${elements(own, size).join(",")}]`),
    input("deep in arrays", (size) => `${"[".repeat(size / 2)}${"]".repeat(size / 2)}`),
  ];
  if (typeof value === "object" && value !== null) {
    const inner = JSON.stringify(Object.values(value)[0] ?? 1);
    return [
      ...shared,
      input("many elements", (size) => `[${elements(inner, size).join(",")}]`),
      input(
        "many keys",
        (size) =>
          `{${elements("000000:1", size)
            .map((_, number) => `"k${number}":1`)
            .join(",")}}`,
      ),
      input("one key many times", (size) => `{${elements('"type":1', size).join(",")}}`),
      input("deep in objects", (size) => `${'{"a":'.repeat(size / 6)}1${"}".repeat(size / 6)}`),
    ];
  }
  if (typeof value !== "string") return [];
  return [
    ...shared,
    ...[...REPEATED, value.slice(0, 40)].map((token) =>
      input(`a text of ${JSON.stringify(token)}`, (size) =>
        JSON.stringify(token.repeat(Math.max(1, Math.floor(size / Math.max(1, JSON.stringify(token).length - 2))))),
      ),
    ),
    input("a text of escapes", (size) => `"${"\\u0041".repeat(size / 6)}"`),
  ];
}

/** Repeats lines until they have a size, with different ids in each repetition. */
function numbered(first: readonly Json[], again: readonly Json[], size: number): Buffer {
  const pieces = first.map((line) => JSON.stringify(line));
  const texts = again.map((line) => JSON.stringify(line));
  let length = pieces.join("\n").length;
  for (let round = 0; length < size; round++) {
    for (const text of texts) {
      const piece = text.replace(ID, (_, before: string, id: string) => {
        const suffix = round.toString(16).padStart(8, "0");
        return `${before}${id.length > 8 ? id.slice(0, -8) : id}${suffix}"`;
      });
      pieces.push(piece);
      length += piece.length + 1;
    }
  }
  return Buffer.from(`${pieces.join("\n")}\n`);
}

/** Matches the text of a member whose key marks it as an id. */
const ID = /("(?:id|[a-z]+_?[iI]d|uuid)":")([^"\\]*)"/g;

function repeated(piece: Buffer, size: number): Buffer {
  return Buffer.alloc(Math.max(piece.length, Math.floor(size / piece.length) * piece.length), piece);
}

/** Returns a function that returns true for the first few calls with the same name. */
function seldom(times: number): (name: string) => boolean {
  const counts = new Map<string, number>();
  return (name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return count <= times;
  };
}

/** Returns one line of each form. */
function differentLines(lines: readonly Json[]): Json[] {
  const byForm = new Map(lines.map((line) => [formOf(line), line]));
  return [...byForm.values()];
}

function formOf(value: Json): string {
  if (typeof value !== "object" || value === null) return typeof value;
  if (Array.isArray(value)) return `[${value.length > 0 ? formOf(value[0] as Json) : ""}]`;
  return `{${Object.entries(value)
    .map(([key, inner]) => `${key}:${key === "type" || key === "method" ? String(inner) : formOf(inner)}`)
    .join()}}`;
}
