import { PluginSdkError } from "./errors.ts";

/**
 * A queue between a producer that can't wait and a consumer that reads at its own pace. It is limited in bytes: a value beyond the
 * limit is refused. (`EventQueue` of cli-turn is for a producer that can wait: it is unlimited, and reports when it is drained.)
 */
export class BoundedQueue<T> {
  readonly #maxBytes: number;
  #items: { readonly value: T; readonly bytes: number }[] = [];
  /** The index of the next value to read. Removing the first element of a long array would move all others. */
  #next = 0;
  #bytes = 0;
  #wake = Promise.withResolvers<void>();
  #end: { readonly error?: unknown } | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * @param bytes The size of the value. An empty queue accepts a value of any size.
   * @throws PluginSdkError `event_overflow` if the reader is too far behind.
   */
  push(value: T, bytes: number): void {
    if (this.#end) return;
    const unread = this.#items.length - this.#next;
    if (unread > 0 && this.#bytes + bytes > this.#maxBytes) {
      const held = `${unread} events of ${this.#bytes} bytes`;
      throw new PluginSdkError("event_overflow", `${held} are unread: read the stream's events as they arrive`);
    }
    this.#items.push({ value, bytes });
    this.#bytes += bytes;
    this.#wake.resolve();
  }

  /** Ends the queue. Its values can still be read. After them, the error is thrown, if there is one. */
  end(failure: { readonly error?: unknown } = {}): void {
    this.#end ??= failure;
    this.#wake.resolve();
  }

  /** Yields the values. @throws the error that was passed to `end`. */
  async *read(): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let item = this.#take(); item; item = this.#take()) {
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

  #take(): { readonly value: T; readonly bytes: number } | undefined {
    const item = this.#items[this.#next];
    if (item === undefined) return undefined;
    this.#next++;
    // Read items are released once they are half of all items, so each costs a constant number of moves.
    if (this.#next * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#next);
      this.#next = 0;
    }
    return item;
  }
}
