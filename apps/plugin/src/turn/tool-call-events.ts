import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ProviderEvent } from "@plexum/plugin-sdk";
import { followRollout, type ToolCallEvent, ToolCallPairer } from "@plexum/rollout";
import type { Log } from "../log.ts";

/** The text that codex shows the model for a call without output (0.135.0 to 0.169.0). */
const NO_OUTPUT = "aborted";

/** How long codex's text waits for the calls that were recorded before it, in milliseconds. */
const MAX_LAG_MS = 100;

/** Maps the names that codex records to the host's own names of its tools. */
export interface HostNames {
  /** The namespace in which codex records calls of the host's tools. */
  readonly namespace: string;
  readonly byCodexName: ReadonlyMap<string, string>;
}

/**
 * Emits a turn's tool calls as events. Reads them from the rollout while codex writes it, because only the rollout has the call ids.
 * Disposing of it emits everything that codex has written by then.
 */
export class ToolCallEvents implements AsyncDisposable {
  readonly #emit: (event: ProviderEvent) => Promise<void>;
  readonly #log: Log;
  readonly #nestedCalls: ReadonlyMap<string, string>;
  readonly #hostNames: HostNames;
  readonly #over = new AbortController();
  #following: Promise<void> | undefined;
  #path: string | undefined;
  /** The offset of the end of the last emitted line. */
  #position = 0;
  #awaited: { readonly position: number; readonly resolve: () => void } | undefined;

  /** @param nestedCalls Maps the id of a call made inside a script to the item id of the script's own call. */
  constructor(
    emit: (event: ProviderEvent) => Promise<void>,
    log: Log,
    nestedCalls: ReadonlyMap<string, string>,
    hostNames: HostNames,
  ) {
    this.#emit = emit;
    this.#log = log;
    this.#nestedCalls = nestedCalls;
    this.#hostNames = hostNames;
  }

  /** Starts reading. The file's content before `from` belongs to earlier turns. */
  follow(path: string, from: number): void {
    if (this.#following === undefined) this.#path = path;
    this.#following ??= this.#follow(path, from).catch((error: Error) => {
      this.#path = undefined;
      this.#log("warning", `the turn's tool calls can't be reported: ${error.message}`);
    });
  }

  /** Waits briefly for the calls that codex has recorded, so that a result is emitted before the text about it. */
  async catchUp(): Promise<void> {
    if (this.#path === undefined) return;
    // If the file was archived or deleted during the turn, there is nothing to wait for.
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (this.#position >= size) return;
    const caughtUp = new Promise<void>((resolve) => {
      this.#awaited = { position: size, resolve };
    });
    const tooLate = new AbortController();
    await Promise.race([caughtUp, delay(MAX_LAG_MS, undefined, { signal: tooLate.signal }).catch(() => {})]);
    tooLate.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#following;
  }

  async #follow(path: string, from: number): Promise<void> {
    const pairer = new ToolCallPairer({ nestedCalls: this.#nestedCalls });
    for await (const entry of followRollout(path, { from, signal: this.#over.signal })) {
      for (const event of pairer.write(entry)) await this.#emitCall(event);
      this.#position = entry.offset + entry.length + 1;
      if (this.#awaited !== undefined && this.#position >= this.#awaited.position) this.#awaited.resolve();
    }
    // A compressed rollout that codex has not restored yet still exists.
    if (![path, `${path}.zst`].some((file) => existsSync(file)))
      this.#log("warning", `${path} was moved or removed: calls that codex recorded since then are not reported`);
    for (const event of pairer.end()) await this.#emitCall(event);
  }

  async #emitCall(event: ToolCallEvent): Promise<void> {
    for (const translated of translate(event, this.#hostNames)) await this.#emit(translated);
  }
}

function translate(event: ToolCallEvent, hostNames: HostNames): ProviderEvent[] {
  const { callId: id, namespace, arguments: args } = event.call;
  const name = (namespace === hostNames.namespace && hostNames.byCodexName.get(event.call.name)) || event.call.name;
  switch (event.type) {
    case "call-started":
      return [
        { type: "tool_call_start", tool_call: { id, name, ...(namespace === undefined ? {} : { namespace }) } },
        { type: "tool_call_delta", tool_call: { id, arguments: args } },
        { type: "tool_call_end", tool_call: { id } },
      ];
    case "call-output":
      // Intermediate output of a script is part of its output for the model. It is not a separate result for the host.
      if (event.output.isNotification) return [];
      return [result(id, event.output.output, event.output.isError)];
    case "call-abandoned":
      return [result(id, NO_OUTPUT, true)];
  }
}

const result = (tool_call_id: string, content: string, is_error: boolean): ProviderEvent => ({
  type: "tool_result",
  tool_result: { tool_call_id, content, is_error },
});
