import { createInterface } from "node:readline/promises";
import { Conversation } from "./conversation.ts";
import { Screen } from "./screen.ts";
import type { Setup } from "./setup.ts";

/** A prompt to type at. Ctrl-C cancels a turn, and ends the chat where none runs; so do an end of input and `stopped`. */
export async function chat(setup: Setup, stopped: AbortSignal): Promise<void> {
  const screen = new Screen();
  await using conversation = await Conversation.start(setup, screen);
  screen.line(`${conversation.pluginName}, on ${setup.description}`);
  screen.line(`codex works in ${setup.workspace}. Ctrl-C cancels a turn; Ctrl-D ends the chat.`);
  screen.line("/consume makes the host, and codex with it, forget what the tool calls so far returned.");

  using terminal = createInterface({ input: process.stdin, output: process.stdout, signal: stopped });
  let turn: AbortController | undefined;
  terminal.on("SIGINT", () => (turn === undefined ? terminal.close() : turn.abort()));
  // At the end of a piped input lines may still wait to be answered: those are answered without a prompt.
  let isOpen = true;
  terminal.on("close", () => {
    isOpen = false;
  });
  terminal.setPrompt("\nyou     ");
  const prompt = () => isOpen && terminal.prompt();
  prompt();
  for await (const line of terminal) {
    if (line.trim() === "/consume") {
      const report = await conversation.consume(conversation.consumable, "consume-light");
      screen.entry("mutate", `${report.touched} of ${report.requested} calls rewritten`, "magenta");
    } else if (line.trim() !== "") {
      turn = new AbortController();
      await conversation
        .say(line, AbortSignal.any([turn.signal, stopped]))
        .catch((error: Error) => screen.entry("error", error.message, "red"));
      turn = undefined;
    }
    prompt();
  }
  screen.line("");
}
