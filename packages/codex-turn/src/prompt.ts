import { CodexTurnError } from "./errors.ts";

/** The longest prompt codex takes, counted in Unicode code points (seen in 0.135.0 and 0.169.0). */
export const MAX_PROMPT_CHARACTERS = 1_048_576;

export interface CheckedPrompt {
  readonly text: string;
  /** NUL characters that were taken out: no file or terminal shows them, and tools downstream of codex cut text at them. */
  readonly removedNuls: number;
}

/**
 * The prompt as it can be sent.
 * @param options `mayBeEmpty`: there is something else to send, such as an image.
 * @throws CodexTurnError `prompt_empty` for nothing but white space, which codex refuses; `prompt_too_long`.
 */
export function checkPrompt(prompt: string, options: { readonly mayBeEmpty?: boolean } = {}): CheckedPrompt {
  const text = prompt.replaceAll("\0", "");
  // A lone surrogate can't be written as UTF-8; codex would refuse the whole prompt.
  const wellFormed = text.toWellFormed();
  if (wellFormed.trim() === "" && options.mayBeEmpty !== true) {
    throw new CodexTurnError(
      "prompt_empty",
      "The prompt is empty or only white space, which codex refuses: send some text.",
    );
  }
  const length = codePoints(wellFormed);
  if (length > MAX_PROMPT_CHARACTERS) {
    throw new CodexTurnError(
      "prompt_too_long",
      `The prompt has ${length} characters and codex takes at most ${MAX_PROMPT_CHARACTERS}: put the text into a file in the workspace and name the file instead.`,
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
