import { createInterface } from "node:readline/promises";
import { SessionsError } from "./sessions-error.ts";

/** Asks for confirmation on the terminal. @throws SessionsError if there is no terminal. */
export async function confirm(question: string, isYes: boolean): Promise<boolean> {
  if (isYes) return true;
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new SessionsError(
      "nothing was changed, since there is no terminal to ask on; add --yes, or --dry-run to only look",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => terminal.once("close", () => resolve("")));
  try {
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
