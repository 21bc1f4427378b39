/**
 * Passes on each message's text exactly once, whether codex sends deltas, the completed text, or both.
 */
export class TextDeltas {
  /** The text passed on so far of incomplete messages, by item id. */
  readonly #open = new Map<string, string[]>();

  /** Takes a delta and returns the text to pass on, which is the delta itself. */
  delta(itemId: string, delta: string): string {
    if (delta === "") return "";
    const parts = this.#open.get(itemId);
    if (parts === undefined) this.#open.set(itemId, [delta]);
    else parts.push(delta);
    return delta;
  }

  /**
   * Takes a completed text and returns the text to pass on: the part that the deltas did not contain. Text that was passed on
   * can't be taken back. If it differs from the beginning of the completed text only in white space, the result is what
   * follows. If it differs otherwise, the result is empty.
   */
  complete(itemId: string, text: string): string {
    const passedOn = this.#open.get(itemId)?.join("") ?? "";
    this.#open.delete(itemId);
    return missingFrom(passedOn, text);
  }

  /** Returns the text passed on so far of an incomplete message. */
  textOf(itemId: string): string {
    return this.#open.get(itemId)?.join("") ?? "";
  }
}

/** Returns the end of `text` that `passedOn` lacks, or "" if `text` does not continue it. Ignores white space. */
function missingFrom(passedOn: string, text: string): string {
  if (text.startsWith(passedOn)) return text.slice(passedOn.length);
  let at = 0;
  for (let i = 0; i < passedOn.length; i++) {
    const unit = passedOn[i] as string;
    if (/\s/.test(unit)) continue;
    while (at < text.length && /\s/.test(text[at] as string)) at++;
    if (text[at] !== unit) return "";
    at++;
  }
  const rest = text.slice(at);
  // Don't repeat white space, in any form, that the deltas ended with.
  return /\s$/.test(passedOn) ? rest.trimStart() : rest;
}
