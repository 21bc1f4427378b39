import { createInterface } from "node:readline/promises";
import type { Readable, Writable } from "node:stream";
import { SessionsError } from "./sessions-error.ts";

interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean };
}

/**
 * Asks for confirmation on the terminal. Ctrl-C and the end of the input count as "no".
 * @throws SessionsError if there is no terminal.
 */
export async function confirm(
  question: string,
  isYes: boolean,
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<boolean> {
  if (isYes) return true;
  if (!input.isTTY || !output.isTTY)
    throw new SessionsError(
      "nothing was changed, since there is no terminal to ask on; add --yes, or --dry-run to only look",
    );
  const terminal = createInterface({ input, output });
  // Without a listener, Node rejects the question on Ctrl-C.
  terminal.on("SIGINT", () => terminal.close());
  const closed = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)));
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    // The cursor is still on the line of the question.
    if (answer === undefined) output.write("\n");
    return /^y(es)?$/i.test(answer?.trim() ?? "");
  } finally {
    terminal.close();
  }
}
