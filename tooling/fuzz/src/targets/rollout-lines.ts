import { writeFileSync } from "node:fs";
import {
  type RolloutEntry,
  readRollout,
  readThreadCalls,
  readThreadUsage,
  readToolCalls,
  ToolCallPairer,
  TurnTracker,
  userMessageOf,
} from "@plexum/rollout";
import { allowRolloutError } from "../allow-rollout-error.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

let path: string | undefined;

/** Everything that reads a rollout: lines both ways, tool calls, turns, the user's messages, usage. */
export const rolloutLines: FuzzTarget = {
  name: "rollout-lines",
  isSlow: true,
  async run({ bytes }) {
    path ??= scratchPath(
      "rollout",
      "sessions/2026/01/02/rollout-2026-01-02T03-04-05-01a21883-4565-7f03-8755-b37bce40084a.jsonl",
    );
    writeFileSync(path, bytes);
    const forward = await all(readRollout(path, { history: false }));
    const backward = await all(readRollout(path, { history: false, direction: "backward" }));
    must(forward.length === backward.length, "as many lines backward as forward");
    for (const [index, { offset, kind }] of backward.reverse().entries())
      must(forward[index]?.offset === offset && forward[index]?.kind === kind, "the same lines backward as forward");
    pairCalls(forward);
    trackTurns(forward);
    await allowRolloutError(readThreadUsage(path));
    const calls = await allowRolloutError(all(readToolCalls(path)));
    const thread = await allowRolloutError(readThreadCalls(path));
    must((calls === undefined) === (thread === undefined), "calls can be read both ways, or neither");
  },
};

function pairCalls(entries: readonly RolloutEntry[]): void {
  const pairer = new ToolCallPairer();
  const started = new Set<string>();
  const events = entries.flatMap((entry) => pairer.write(entry));
  for (const event of [...events, ...pairer.end()]) {
    if (event.type === "call-started") started.add(event.call.callId);
    else must(started.has(event.call.callId), "no output is without its call");
  }
}

function trackTurns(entries: readonly RolloutEntry[]): void {
  const tracker = new TurnTracker("01a21883-4565-7f03-8755-b37bce40084a");
  for (const entry of entries) {
    if (entry.kind !== "line") continue;
    tracker.write(entry.line);
    const message = userMessageOf(entry.line);
    must(message === undefined || typeof message.text === "string", "a message is text");
  }
  tracker.messages();
  must(tracker.totalMessageCount >= 0, "messages are counted");
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
