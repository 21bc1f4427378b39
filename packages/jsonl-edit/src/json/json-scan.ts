/**
 * Finds values in JSON text without parsing it into objects. So one value can be replaced while every other byte is kept, including
 * numbers, duplicate keys, escapes, key order and whitespace.
 */

/** The bytes from `start` up to, but not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Member {
  /** The key, without quotation marks and escapes. */
  readonly key: string;
  readonly value: Span;
  /** The members of the value, if it is an object and they were requested. */
  readonly members: readonly Member[] | undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
/** Deeper nesting than any real line has. The limit is needed because the scanner recurses. */
const MAX_DEPTH = 256;
const LITERALS = ["true", "false", "null"].map((word) => Buffer.from(word));

const isSpace = (byte: number | undefined) => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;

function skipSpace(bytes: Uint8Array, at: number): number {
  while (isSpace(bytes[at])) at++;
  return at;
}

/**
 * Returns the span of the one value that a text consists of.
 * @throws SyntaxError if the text is not JSON.
 */
export function documentSpan(bytes: Uint8Array): Span {
  const start = skipSpace(bytes, 0);
  const end = skipValue(bytes, start, 0);
  if (skipSpace(bytes, end) !== bytes.length) fail(end);
  return { start, end };
}

/**
 * Returns the span of the value that a text consists of. If it is an object, also returns its members and all nested members.
 * @throws SyntaxError if the text is not JSON.
 */
export function documentTree(bytes: Uint8Array): { span: Span; members: readonly Member[] } {
  const start = skipSpace(bytes, 0);
  const members: Member[] = [];
  const end = bytes[start] === OPEN_OBJECT ? walkObject(bytes, start, 0, members, true) : skipValue(bytes, start, 0);
  if (skipSpace(bytes, end) !== bytes.length) fail(end);
  return { span: { start, end }, members };
}

/** Returns the members of the object at a span, including duplicates. Returns none if the value there is not an object. */
export function membersOf(bytes: Uint8Array, object: Span): Member[] {
  const members: Member[] = [];
  if (bytes[object.start] === OPEN_OBJECT) walkObject(bytes, object.start, 0, members);
  return members;
}

/** Returns the elements of the array at a span. Returns none if the value there is not an array. */
export function elementsOf(bytes: Uint8Array, array: Span): Span[] {
  const elements: Span[] = [];
  if (bytes[array.start] === OPEN_ARRAY) walkArray(bytes, array.start, 0, elements);
  return elements;
}

/** Returns the string at a span. Returns undefined if the value there is not a string. */
export function stringAt(bytes: Uint8Array, span: Span): string | undefined {
  if (bytes[span.start] !== QUOTE) return undefined;
  return JSON.parse(textAt(bytes, span)) as string;
}

/** Returns the JSON text at a span. */
export const textAt = (bytes: Uint8Array, span: Span): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + span.start, span.end - span.start).toString("utf8");

function fail(at: number): never {
  throw new SyntaxError(`not JSON at byte ${at}`);
}

function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const byte = bytes[at];
  if (byte === QUOTE) return skipString(bytes, at);
  if (byte === OPEN_OBJECT) return walkObject(bytes, at, depth);
  if (byte === OPEN_ARRAY) return walkArray(bytes, at, depth);
  return skipScalar(bytes, at);
}

/** @param isDeep Whether to also list the members of nested objects. */
function walkObject(bytes: Uint8Array, start: number, depth: number, members?: Member[], isDeep = false): number {
  if (depth > MAX_DEPTH) fail(start);
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === CLOSE_OBJECT) return at + 1;
  for (;;) {
    const keyEnd = bytes[at] === QUOTE ? skipString(bytes, at) : fail(at);
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) fail(colon);
    const valueStart = skipSpace(bytes, colon + 1);
    const inner: Member[] | undefined = isDeep && bytes[valueStart] === OPEN_OBJECT ? [] : undefined;
    const valueEnd =
      inner === undefined ? skipValue(bytes, valueStart, depth + 1) : walkObject(bytes, valueStart, depth + 1, inner);
    members?.push({
      key: stringAt(bytes, { start: at, end: keyEnd }) ?? "",
      value: { start: valueStart, end: valueEnd },
      members: inner,
    });
    at = skipSpace(bytes, valueEnd);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    if (bytes[at] !== COMMA) fail(at);
    at = skipSpace(bytes, at + 1);
  }
}

function walkArray(bytes: Uint8Array, start: number, depth: number, elements?: Span[]): number {
  if (depth > MAX_DEPTH) fail(start);
  let at = skipSpace(bytes, start + 1);
  if (bytes[at] === CLOSE_ARRAY) return at + 1;
  for (;;) {
    const end = skipValue(bytes, at, depth + 1);
    elements?.push({ start: at, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === CLOSE_ARRAY) return at + 1;
    if (bytes[at] !== COMMA) fail(at);
    at = skipSpace(bytes, at + 1);
  }
}

function skipString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) fail(at);
    if (byte === BACKSLASH) at = skipEscape(bytes, at);
  }
  fail(bytes.length);
}

/** Returns the offset of the escape's last byte. */
function skipEscape(bytes: Uint8Array, at: number): number {
  const kind = bytes[at + 1];
  if (kind === 0x75) {
    for (let digit = at + 2; digit < at + 6; digit++) if (!isHexDigit(bytes[digit])) fail(digit);
    return at + 5;
  }
  if (kind === undefined || !'"\\/bfnrt'.includes(String.fromCharCode(kind))) fail(at);
  return at + 1;
}

const isHexDigit = (byte: number | undefined) =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66));

function skipScalar(bytes: Uint8Array, start: number): number {
  for (const word of LITERALS)
    if (word.every((byte, index) => bytes[start + index] === byte)) return start + word.length;
  let at = start;
  while (at < bytes.length && "+-.0123456789Ee".includes(String.fromCharCode(bytes[at] as number))) at++;
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(textAt(bytes, { start, end: at }))) fail(start);
  return at;
}
