import type { ProviderEvent } from "@plexum/plugin-sdk";
import type { ModelRequest } from "@plexum/scripted-model";
import { Conversation } from "./conversation.ts";
import { type CallView, viewOf } from "./model-view.ts";
import { Screen } from "./screen.ts";
import type { Setup } from "./setup.ts";

const QUESTIONS = [
  "Which files are here, and what do the notes say?",
  "Have the host read measurements.txt to you: what is the largest value?",
];
const LAST_QUESTION = "What did I ask you before?";

/**
 * Demonstrates the main job: turns of one thread, tool calls, and what consuming them does to the model's view.
 * @throws if a turn does not end well, or once `stopped` is aborted.
 */
export async function demonstrate(setup: Setup, stopped: AbortSignal): Promise<void> {
  const screen = new Screen();
  let failed = false;
  await using conversation = await Conversation.start(setup, {
    onLog: (entry) => screen.onLog(entry),
    onHostCall: (call) => screen.onHostCall(call),
    onEvent(event: ProviderEvent) {
      screen.onEvent(event);
      if (event.type === "message_end" && event.stop_reason !== "end_turn") failed = true;
    },
  });
  screen.line(`${conversation.pluginName}, on ${setup.description}`);

  let turns = 0;
  const ask = async (question: string) => {
    screen.heading(`Turn ${++turns}`);
    screen.entry("you", question, "blue");
    await conversation.say(question, stopped);
    stopped.throwIfAborted();
    screen.entry("thread", (await conversation.threadId()) ?? "(none)", "dim");
  };
  for (const question of QUESTIONS) await ask(question);

  screen.heading("The host consumes the results of the calls");
  const calls = conversation.consumable;
  const before = setup.modelRequest?.();
  const report = await conversation.consume(calls, "consume-heavy");
  screen.entry(
    "mutate",
    `${report.touched} of ${report.requested} calls rewritten in codex's own record of the thread`,
    "magenta",
  );
  for (const { block_id, reason } of report.skipped) screen.entry("skipped", `${block_id}: ${reason}`, "yellow");

  await ask(LAST_QUESTION);
  const after = setup.modelRequest?.();
  if (before !== undefined && after !== undefined) showViews(screen, calls, before, after);
  screen.line("");
  if (failed || report.touched !== calls.length) throw new Error("A turn or a mutation failed: see above.");
}

function showViews(screen: Screen, calls: readonly string[], before: ModelRequest, after: ModelRequest): void {
  screen.heading("The model's view of the calls, before and after");
  let saved = 0;
  for (const callId of calls) {
    const [old, now] = [viewOf(before, callId), viewOf(after, callId)];
    saved += old.bytes - now.bytes;
    screen.entry("call", callId, "cyan");
    screen.columns(described(old), described(now));
  }
  screen.entry("saved", `${saved} bytes of context in every request from here on`, "magenta");
}

const described = ({ arguments: args, output, bytes }: CallView) => [args, ...output.split("\n"), `(${bytes} bytes)`];
