export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A place in a JSON value: the keys and indices on the path to it. */
export type Path = readonly (string | number)[];

/** Returns every place in a value, including the value itself. */
export function pathsIn(value: Json, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const entries: [string | number, Json][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, inner]) => pathsIn(inner, [...path, key]))];
}

export const valueAt = (value: Json, path: Path): Json =>
  path.reduce<Json>((inner, key) => (inner as Record<string | number, Json>)[key] as Json, value);

/**
 * Returns the JSON text of a value, with another text at a place. It is text, not a value, so that keys can be repeated and
 * `__proto__` is a key like any other.
 */
export function textWith(value: Json, path: Path, text: string): string {
  const [key, ...rest] = path;
  if (key === undefined) return text;
  if (Array.isArray(value))
    return `[${value.map((inner, index) => (index === key ? textWith(inner, rest, text) : JSON.stringify(inner))).join(",")}]`;
  const members = Object.entries(value as Record<string, Json>).map(
    ([name, inner]) => `${JSON.stringify(name)}:${name === key ? textWith(inner, rest, text) : JSON.stringify(inner)}`,
  );
  return `{${members.join(",")}}`;
}

/** Returns the lines of a text that are JSON. */
export function jsonLines(bytes: Buffer): Json[] {
  return bytes
    .toString("utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Json];
      } catch {
        return [];
      }
    });
}
