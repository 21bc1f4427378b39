import { CodexTurnError } from "./errors.ts";

/** The longest prompt that codex accepts, in Unicode code points (seen in 0.135.0 and 0.169.0). */
export const MAX_PROMPT_CHARACTERS = 1_048_576;

export interface CheckedPrompt {
  readonly text: string;
  /** How many NUL characters were removed. They are invisible, and tools downstream of codex cut text at them. */
  readonly removedNuls: number;
}

/**
 * Returns the prompt in a form that can be sent to codex.
 *
 * @param options `mayBeEmpty`: there is something else to send, such as an image.
 * @throws CodexTurnError `prompt_empty` for only white space, which codex rejects; `prompt_too_long`.
 */
export function checkPrompt(prompt: string, options: { readonly mayBeEmpty?: boolean } = {}): CheckedPrompt {
  const text = prompt.replaceAll("\0", "");
  // A lone surrogate can't be written as UTF-8, and codex would reject the whole prompt.
  const wellFormed = text.toWellFormed();
  if (wellFormed.trim() === "" && options.mayBeEmpty !== true) {
    throw new CodexTurnError(
      "prompt_empty",
      "The prompt is empty or only white space, which codex rejects: send some text.",
    );
  }
  const length = codePoints(wellFormed);
  if (length > MAX_PROMPT_CHARACTERS) {
    throw new CodexTurnError(
      "prompt_too_long",
      `The prompt has ${length} characters, but codex accepts at most ${MAX_PROMPT_CHARACTERS}: put the text into a file in the workspace, and name the file instead.`,
    );
  }
  return { text: wellFormed, removedNuls: prompt.length - text.length };
}

function codePoints(text: string): number {
  if (text.length <= MAX_PROMPT_CHARACTERS) return text.length;
  let pairs = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) pairs++;
  }
  return text.length - pairs;
}
