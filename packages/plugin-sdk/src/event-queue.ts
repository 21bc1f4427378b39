import { PluginSdkError } from "./error.ts";

/** Values on their way from one that can't wait to one that reads when it likes, within a bound. */
export class EventQueue<T> {
  readonly #maxBytes: number;
  readonly #items: { readonly value: T; readonly bytes: number }[] = [];
  #bytes = 0;
  #wake = Promise.withResolvers<void>();
  #end: { readonly error?: unknown } | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @param bytes What the value weighs. A single value of any weight is taken when nothing else is held.
   * @throws PluginSdkError `event_overflow` if the reader is too far behind.
   */
  push(value: T, bytes: number): void {
    if (this.#end) return;
    if (this.#items.length > 0 && this.#bytes + bytes > this.#maxBytes) {
      const held = `${this.#items.length} events of ${this.#bytes} bytes`;
      throw new PluginSdkError("event_overflow", `${held} are unread: read the stream's events as they come`);
    }
    this.#items.push({ value, bytes });
    this.#bytes += bytes;
    this.#wake.resolve();
  }

  /** No more values. Those held are still read, and then the error, if one is given. */
  end(failure: { readonly error?: unknown } = {}): void {
    this.#end ??= failure;
    this.#wake.resolve();
  }

  /** @throws what `end` was given. */
  async *read(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let item = this.#items.shift(); item; item = this.#items.shift()) {
        this.#bytes -= item.bytes;
        yield item.value;
      }
      if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
