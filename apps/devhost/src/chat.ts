import { createInterface } from "node:readline/promises";
import { Conversation } from "./conversation.ts";
import { Screen } from "./screen.ts";
import type { Setup } from "./setup.ts";

/** Shows a prompt to type at. Ctrl-C cancels a turn, or ends the chat if none is running. The end of input and `stopped` also end it. */
export async function chat(setup: Setup, stopped: AbortSignal): Promise<void> {
  const screen = new Screen();
  await using conversation = await Conversation.start(setup, screen);
  screen.line(`${conversation.pluginName}, on ${setup.description}`);
  screen.line(`codex works in ${setup.workspace}. Ctrl-C cancels a turn; Ctrl-D ends the chat.`);
  screen.line("/consume makes the host and codex forget the results of the tool calls so far.");

  using terminal = createInterface({ input: process.stdin, output: process.stdout, signal: stopped });
  let turn: AbortController | undefined;
  terminal.on("SIGINT", () => (turn === undefined ? terminal.close() : turn.abort()));
  // When a piped input ends, some lines may still be unanswered. They are answered without a prompt.
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
