import { appendFileSync, closeSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { Action, Scenario } from "./scripted-codex.ts";

/*
 * Replaces codex where the real one can't be made to fail: it loses answers and notifications. It answers each request as the
 * scenario in the file `SCENARIO` says, otherwise as codex 0.169.0 does in a successful turn.
 */
const scenario: Scenario = JSON.parse(
  process.env.SCENARIO === undefined ? "{}" : readFileSync(process.env.SCENARIO, "utf8"),
);
const send = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);

const THREAD = { threadId: "thread-1" };

const USUAL: Record<string, readonly Action[]> = {
  initialize: [{ answer: { userAgent: "plexum/0.169.0" } }],
  "config/read": [{ answer: { config: { model: "m" } } }],
  "thread/start": [{ answer: { thread: { id: "thread-1", path: process.env.ROLLOUT } } }],
  "thread/resume": [{ answer: { thread: { id: "thread-1", path: process.env.ROLLOUT } } }],
  "thread/read": [{ answer: { thread: { id: "thread-1", status: { type: "active" } } } }],
  "thread/unsubscribe": [{ answer: {} }, { notify: "thread/closed", params: THREAD }],
  "turn/start": [
    { answer: { turn: { id: "turn-1" } } },
    { notify: "turn/started", params: { ...THREAD, turn: { id: "turn-1" } } },
    { notify: "turn/completed", params: { ...THREAD, turn: { id: "turn-1", status: "completed" } } },
  ],
  "turn/interrupt": [
    { answer: {} },
    { notify: "turn/completed", params: { ...THREAD, turn: { id: "turn-1", status: "interrupted" } } },
  ],
};

async function play(actions: readonly Action[], id: number | undefined): Promise<void> {
  for (const action of actions) {
    if ("answer" in action) send({ id, result: action.answer });
    else if ("error" in action) send({ id, error: { code: -32600, message: action.error } });
    else if ("notify" in action) send({ method: action.notify, params: action.params });
    else if ("write" in action) process.stdout.write(Buffer.from(action.write, "latin1"));
    else if ("sleepMs" in action) await delay(action.sleepMs);
    else if ("record" in action) appendFileSync(process.env.ROLLOUT as string, `${JSON.stringify(action.record)}\n`);
    else if ("floodStderr" in action) process.stderr.write("noise ".repeat(action.floodStderr / 6));
    else if ("closeStdout" in action) closeSync(1);
    else process.exit(action.exit);
  }
}

if (process.argv.includes("--version")) {
  process.stdout.write(`codex-cli ${process.env.VERSION}\n`);
} else {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method } = JSON.parse(line) as { id?: number; method: string };
    if (process.env.REQUESTS) appendFileSync(process.env.REQUESTS, `${line}\n`);
    void play(scenario[method] ?? USUAL[method] ?? [], id);
  }
}
