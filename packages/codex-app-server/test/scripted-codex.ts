import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TurnEvent, TurnResult } from "@plexum/codex-turn";
import { temporaryFolder } from "@plexum/test-support";
import { type AppServerTurnOptions, AppServerTurns } from "../src/index.ts";

export type Action =
  | { readonly answer: object }
  | { readonly error: string }
  | { readonly notify: string; readonly params: object }
  /** Bytes, as latin1. */
  | { readonly write: string }
  | { readonly sleepMs: number }
  /** A line of the rollout. */
  | { readonly record: object }
  | { readonly floodStderr: number }
  | { readonly closeStdout: true }
  | { readonly exit: number };

/** What the program does on each request, by method, instead of what codex does. */
export type Scenario = Record<string, readonly Action[]>;

const PROGRAM = fileURLToPath(new URL("./scripted-app-server.ts", import.meta.url));

export const thread = { threadId: "thread-1" };
export const started: readonly Action[] = [
  { answer: { turn: { id: "turn-1" } } },
  { notify: "turn/started", params: { ...thread, turn: { id: "turn-1" } } },
];
export const completed: Action = {
  notify: "turn/completed",
  params: { ...thread, turn: { id: "turn-1", status: "completed" } },
};
export const item = (method: "item/started" | "item/completed", value: object): Action => ({
  notify: method,
  params: { ...thread, turnId: "turn-1", item: value },
});
export const says = (text: string): Action => item("item/completed", { type: "agentMessage", id: "msg-1", text });
export const recorded = (payload: object): Action => ({
  record: { timestamp: "2026-01-01T00:00:00.000Z", type: "event_msg", payload: { turn_id: "turn-1", ...payload } },
});

export interface ScriptedTurn {
  readonly result: TurnResult;
  readonly events: readonly TurnEvent[];
  readonly text: string;
}

/**
 * Sets up turns on a scripted program in place of codex.
 *
 * @param version The codex version that it reports: before 0.154 the process ends after each turn, and the next one is started.
 */
export async function scriptedCodex(scenario: Scenario, version = "0.169.0") {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const binary = join(folder.path, "codex");
  await writeFile(binary, `#!/bin/sh\nVERSION=${version} exec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  await chmod(binary, 0o755);
  const workspace = join(folder.path, "workspace");
  await mkdir(workspace);
  const rollout = join(folder.path, "rollout.jsonl");
  await writeFile(rollout, "");
  const requests = join(folder.path, "requests.jsonl");
  const turns = stack.use(new AppServerTurns({ keepAliveMs: 60_000, maxKept: 2, codexHome: folder.path }));
  const pids: number[] = [];
  const warnings: string[] = [];

  /** Returns the same path for the same scenario, since a process is kept only for turns with the same environment. */
  const fileOf = async (played: Scenario) => {
    const json = JSON.stringify(played);
    const path = join(folder.path, createHash("sha256").update(json).digest("hex"));
    await writeFile(path, json);
    return path;
  };
  const start = async (options: Partial<AppServerTurnOptions> & { play?: Scenario } = {}) =>
    turns.startTurn({
      prompt: "go",
      workspace,
      binary,
      env: {
        ...process.env,
        ROLLOUT: rollout,
        REQUESTS: requests,
        SCENARIO: await fileOf(options.play ?? scenario),
      },
      onProcess: ({ pid }) => void pids.push(pid),
      onWarning: (message) => void warnings.push(message),
      ...options,
    });
  const held = stack.move();
  return {
    start,
    turns,
    pids,
    warnings,
    folder: folder.path,
    async run(options: Parameters<typeof start>[0] = {}): Promise<ScriptedTurn> {
      const turn = await start(options);
      const events: TurnEvent[] = [];
      for await (const event of turn.events) events.push(event);
      const text = events
        .flatMap((event) =>
          event.type === "item.completed" && event.item.type === "agent_message" ? [event.item.text] : [],
        )
        .join("\n");
      return { result: await turn.result, events, text };
    },
    /** Returns the requests that the program received, in order. */
    async requests(): Promise<{ id?: number; method: string; params: Record<string, unknown> }[]> {
      const lines = (await readFile(requests, "utf8")).trim().split("\n");
      return lines.map((line) => JSON.parse(line));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
