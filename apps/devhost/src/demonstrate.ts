import { Conversation } from "./conversation.ts";
import { Screen } from "./screen.ts";
import type { Setup } from "./setup.ts";

const TURNS = ["Which files are here, and what do the notes say?", "What did I ask you before?"];

/** The main job, to look at: turns of one thread, and what a host gets of each. Throws if a turn does not end well. */
export async function demonstrate(setup: Setup): Promise<void> {
  const screen = new Screen();
  let failed = false;
  await using conversation = await Conversation.start(setup, {
    onLog: (entry) => screen.onLog(entry),
    onEvent(event) {
      screen.onEvent(event);
      if (event.type === "message_end" && event.stop_reason !== "end_turn") failed = true;
    },
  });
  screen.line(`${conversation.pluginName}, on ${setup.description}`);

  for (const [index, prompt] of TURNS.entries()) {
    screen.heading(`Turn ${index + 1}`);
    screen.entry("you", prompt, "blue");
    await conversation.say(prompt);
    screen.entry("thread", (await conversation.threadId()) ?? "(none)", "dim");
  }
  screen.line("");
  if (failed) throw new Error("A turn did not end well: see above.");
}
