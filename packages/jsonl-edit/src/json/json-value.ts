import { documentSpan, elementsOf, membersOf, type Span, stringAt, textAt } from "./json-scan.ts";

/** A value in a line of JSON, found and not parsed: so it can be replaced while every other byte stays as it is. */
export class JsonValue implements Span {
  readonly start: number;
  readonly end: number;
  readonly #line: Uint8Array;
  #members: readonly JsonMember[] | undefined;

  private constructor(line: Uint8Array, { start, end }: Span) {
    this.#line = line;
    this.start = start;
    this.end = end;
  }

  /** The value that a line consists of; undefined if the line is not JSON, or nested deeper than 256 levels. */
  static of(line: Uint8Array): JsonValue | undefined {
    try {
      return new JsonValue(line, documentSpan(line));
    } catch {
      return undefined;
    }
  }

  /** The JSON text, verbatim from the line. */
  get text(): string {
    return textAt(this.#line, this);
  }

  /** Of a string its content, else undefined. */
  get string(): string | undefined {
    return stringAt(this.#line, this);
  }

  /** The members of an object in their order, duplicates included; none if it is something else. */
  members(): readonly JsonMember[] {
    this.#members ??= membersOf(this.#line, this).map(({ key, value }) => ({
      key,
      value: new JsonValue(this.#line, value),
    }));
    return this.#members;
  }

  /** The value of a key. Where the key stands twice it is the last, as for `JSON.parse`. */
  get(key: string): JsonValue | undefined {
    return this.members().findLast((member) => member.key === key)?.value;
  }

  /** Every value of a key, in their order: more than one if it stands twice. */
  all(key: string): JsonValue[] {
    return this.members().flatMap((member) => (member.key === key ? [member.value] : []));
  }

  /** The elements of an array; none if it is something else. */
  elements(): JsonValue[] {
    return elementsOf(this.#line, this).map((span) => new JsonValue(this.#line, span));
  }
}

export interface JsonMember {
  /** Decoded. */
  readonly key: string;
  readonly value: JsonValue;
}
