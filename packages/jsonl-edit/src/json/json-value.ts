import { documentTree, elementsOf, type Member, membersOf, type Span, stringAt, textAt } from "./json-scan.ts";

/** A value in a line of JSON. It is located but not parsed, so it can be replaced while every other byte is kept. */
export class JsonValue implements Span {
  readonly start: number;
  readonly end: number;
  readonly #line: Uint8Array;
  #members: readonly JsonMember[] | undefined;

  private constructor(line: Uint8Array, { start, end }: Span, members?: readonly Member[]) {
    this.#line = line;
    this.start = start;
    this.end = end;
    this.#members = members?.map(({ key, value, members }) => ({ key, value: new JsonValue(line, value, members) }));
  }

  /** Returns the value that a line consists of. Returns undefined if the line is not JSON, or is nested deeper than 256 levels. */
  static of(line: Uint8Array): JsonValue | undefined {
    try {
      const { span, members } = documentTree(line);
      return new JsonValue(line, span, members);
    } catch {
      return undefined;
    }
  }

  /** The JSON text, verbatim from the line. */
  get text(): string {
    return textAt(this.#line, this);
  }

  /** The content of a string. Undefined for any other value. */
  get string(): string | undefined {
    return stringAt(this.#line, this);
  }

  /** Returns the members of an object in order, including duplicates. Returns none for any other value. */
  members(): readonly JsonMember[] {
    this.#members ??= membersOf(this.#line, this).map(({ key, value }) => ({
      key,
      value: new JsonValue(this.#line, value),
    }));
    return this.#members;
  }

  /** Returns the value of a key. For a duplicate key it is the last one, as with `JSON.parse`. */
  get(key: string): JsonValue | undefined {
    return this.members().findLast((member) => member.key === key)?.value;
  }

  /** Returns all values of a key in order: more than one for a duplicate key. */
  all(key: string): JsonValue[] {
    return this.members().flatMap((member) => (member.key === key ? [member.value] : []));
  }

  /** Returns the elements of an array. Returns none for any other value. */
  elements(): JsonValue[] {
    return elementsOf(this.#line, this).map((span) => new JsonValue(this.#line, span));
  }
}

/** A member of a JSON object. */
export interface JsonMember {
  /** The key, without quotation marks and escapes. */
  readonly key: string;
  readonly value: JsonValue;
}
