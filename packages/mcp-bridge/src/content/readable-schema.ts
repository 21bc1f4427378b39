type Schema = Record<string, unknown>;

/** Keywords that hold schemas by name, a list of schemas, or one schema. */
const BY_NAME = new Set(["properties", "patternProperties", "$defs", "definitions"]);
const LISTS = new Set(["anyOf", "oneOf", "allOf", "prefixItems"]);
const SINGLE = new Set(["items", "additionalProperties", "not"]);

/**
 * Copies a schema of limited depth without the parts for which codex silently leaves out the whole tool (0.135.0,
 * 0.169.0): a list of `items` becomes a choice among them, a property that is no schema may be anything, and other
 * malformed keywords are left out.
 * @param onFault Called with the path of each such part.
 */
export function readableSchema(schema: Schema, onFault: (path: string) => void, path = ""): Schema {
  const copy: [string, unknown][] = [];
  for (const [keyword, value] of Object.entries(schema)) {
    const at = path === "" ? keyword : `${path}.${keyword}`;
    const readable = value === null ? value : readableKeyword(keyword, value, onFault, at);
    if (readable === undefined && value !== undefined) onFault(at);
    else copy.push([keyword, readable]);
  }
  return Object.fromEntries(copy);
}

/** Returns undefined if the value must be left out. */
function readableKeyword(keyword: string, value: unknown, onFault: (path: string) => void, path: string): unknown {
  const schemaAt = (inner: unknown, key: string | number) => {
    const at = `${path}.${key}`;
    if (isObject(inner)) return readableSchema(inner, onFault, at);
    if (typeof inner === "boolean") return inner;
    onFault(at);
    return {};
  };
  if (BY_NAME.has(keyword)) {
    if (!isObject(value)) return undefined;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, schemaAt(inner, name)]));
  }
  if (LISTS.has(keyword)) return Array.isArray(value) ? value.map(schemaAt) : undefined;
  if (SINGLE.has(keyword)) {
    if (typeof value === "boolean") return value;
    if (isObject(value)) return readableSchema(value, onFault, path);
    if (keyword !== "items" || !Array.isArray(value) || value.length === 0) return undefined;
    onFault(path);
    return { anyOf: value.map(schemaAt) };
  }
  if (keyword === "required") {
    return Array.isArray(value) && value.every((name) => typeof name === "string") ? value : undefined;
  }
  if (keyword === "enum") return Array.isArray(value) ? value : undefined;
  if (keyword === "description") return typeof value === "string" ? value : undefined;
  return value;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
