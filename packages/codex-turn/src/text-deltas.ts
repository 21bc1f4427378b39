/**
 * Makes each message's text reach its reader exactly once, from deltas and the completed text, whichever of the two codex
 * sends, or both.
 */
export class TextDeltas {
  /** What was passed on of messages that are not yet complete, by item id. */
  readonly #open = new Map<string, string[]>();

  /** Takes a delta. What it returns is to be passed on: the delta, or nothing if it is empty. */
  delta(itemId: string, delta: string): string {
    if (delta === "") return "";
    const parts = this.#open.get(itemId);
    if (parts === undefined) this.#open.set(itemId, [delta]);
    else parts.push(delta);
    return delta;
  }

  /**
   * Takes a completed text, and returns the part of it that the deltas did not bring. What was passed on can't be taken
   * back: a completed text that differs from it, be it by white space, adds only what stands behind the common part.
   */
  complete(itemId: string, text: string): string {
    const passedOn = this.#open.get(itemId)?.join("") ?? "";
    this.#open.delete(itemId);
    return missingFrom(passedOn, text);
  }

  /** What was passed on of a message that is not yet complete. */
  textOf(itemId: string): string {
    return this.#open.get(itemId)?.join("") ?? "";
  }
}

/** The end of `text` that `passedOn` lacks; "" where `text` does not go on from it. White space does not count. */
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
  // White space that the deltas ended with, in whatever form, is not repeated.
  return /\s$/.test(passedOn) ? rest.trimStart() : rest;
}
