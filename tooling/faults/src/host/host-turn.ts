import { randomUUID } from "node:crypto";
import { RpcError } from "@plexum/plugin-sdk";
import type { PlannedTurn } from "../plan/plan.ts";
import { TurnScript } from "../plan/turn-script.ts";
import type { Bench } from "./bench.ts";
import type { WorkspaceState } from "./workspace-state.ts";

/** A running turn. */
export interface RunningTurn {
  readonly streamId: string;
  readonly state: WorkspaceState;
  readonly script: TurnScript;
  cancel(): void;
  /** Resolves when the stream has ended in any way. */
  readonly over: Promise<TurnOutcome>;
}

export interface TurnOutcome {
  readonly stopReason: string;
  readonly text: string;
  /** The code of the error that the host received. */
  readonly error: string | undefined;
}

let nextSleep = 10_000_000 + (process.pid % 10_000) * 1000;

/** Starts a turn. Its prompt has the turn's name, by which the scripted model finds its answers. */
export async function startTurn(bench: Bench, state: WorkspaceState, turn: PlannedTurn): Promise<RunningTurn> {
  const plugin = await bench.plugin();
  const script = new TurnScript(`${turn.number}-${randomUUID().slice(0, 8)}`, turn, nextSleep);
  nextSleep += 10;
  const streamId = randomUUID();
  const record = bench.record.stream(streamId);
  state.streams.push(streamId);
  bench.tokens.add(script.token);
  bench.running.set(script.token, { script, state });
  const abort = new AbortController();
  const request = {
    stream_id: streamId,
    model_id: "codex",
    agent: { agent_id: state.agentId, workspace: state.path },
    request: {
      messages: [{ role: "user" as const, content: [{ type: "text" as const, text: script.prompt }] }],
      tools: [{ name: "lookup", description: "Looks something up", input_schema: { type: "object" } }],
    },
  };
  const read = async () => {
    try {
      for await (const _event of plugin.connection.stream(request, { signal: abort.signal }));
      record.end = "answered";
    } catch (error) {
      record.end = RpcError.isInstance(error) ? "refused" : isClosed(error) ? "plugin-gone" : "answered";
      if (record.end === "answered") bench.report("stream", `the SDK refuses the stream: ${(error as Error).message}`);
      if (record.end === "refused") refusal = (error as RpcError).data;
    }
    bench.running.delete(script.token);
  };
  let refusal: unknown;
  const over = read().then((): TurnOutcome => {
    const events = record.events.map(({ event }) => event);
    const end = events.find((event) => event.type === "message_end");
    const error = events.find((event) => event.type === "error");
    return {
      stopReason: end?.stop_reason ?? record.end ?? "",
      text: events.flatMap((event) => (event.type === "text_delta" ? [event.text] : [])).join(""),
      error: error?.error.code ?? (refusal as { code?: string } | undefined)?.code,
    };
  });
  return { streamId, state, script, cancel: () => abort.abort(), over };
}

const isClosed = (error: unknown) => (error as { code?: unknown }).code === "closed";
