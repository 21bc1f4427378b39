import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ProviderEvent } from "@plexum/plugin-sdk";
import { followRollout, type ToolCallEvent, ToolCallPairer } from "@plexum/rollout";
import type { Log } from "../log.ts";

/** What codex itself shows the model for a call that no output came of (0.135.0 to 0.169.0). */
const NO_OUTPUT = "aborted";

/** How long codex's text waits for the calls that were recorded before it, in milliseconds. */
const MAX_LAG_MS = 100;

/** The host's own names of its tools, which codex records under names that it can use. */
export interface HostNames {
  /** The namespace in which codex records calls of the host's tools. */
  readonly namespace: string;
  readonly byCodexName: ReadonlyMap<string, string>;
}

/**
 * A turn's tool calls as events, read from the rollout as codex writes it: there, and only there, they have their call ids.
 * Disposing of it tells what codex has written by then.
 */
export class ToolCallEvents implements AsyncDisposable {
  readonly #emit: (event: ProviderEvent) => Promise<void>;
  readonly #log: Log;
  readonly #nestedCalls: ReadonlyMap<string, string>;
  readonly #hostNames: HostNames;
  readonly #over = new AbortController();
  #following: Promise<void> | undefined;
  #path: string | undefined;
  /** Where the lines that were told end. */
  #position = 0;
  #awaited: { readonly position: number; readonly resolve: () => void } | undefined;

  /** @param nestedCalls By the id of a call made inside a script: the item id of the script's own call. */
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

  /** Begins to read. What stands in the file before `from` belongs to earlier turns. */
  follow(path: string, from: number): void {
    if (this.#following === undefined) this.#path = path;
    this.#following ??= this.#follow(path, from).catch((error: Error) => {
      this.#path = undefined;
      this.#log("warning", `the turn's tool calls can't be told: ${error.message}`);
    });
  }

  /** Waits a moment for what codex has recorded by now, so that a result is told before what is said of it. */
  async catchUp(): Promise<void> {
    if (this.#path === undefined) return;
    // Archived or deleted meanwhile, which does not make the turn fail: there is nothing to wait for.
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (this.#position >= size) return;
    const told = new Promise<void>((resolve) => {
      this.#awaited = { position: size, resolve };
    });
    const tooLate = new AbortController();
    await Promise.race([told, delay(MAX_LAG_MS, undefined, { signal: tooLate.signal }).catch(() => {})]);
    tooLate.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#following;
  }

  async #follow(path: string, from: number): Promise<void> {
    const pairer = new ToolCallPairer({ nestedCalls: this.#nestedCalls });
    for await (const entry of followRollout(path, { from, signal: this.#over.signal })) {
      for (const event of pairer.write(entry)) await this.#tell(event);
      this.#position = entry.offset + entry.length + 1;
      if (this.#awaited !== undefined && this.#position >= this.#awaited.position) this.#awaited.resolve();
    }
    // A compressed one that codex did not come to bring back is still there.
    if (![path, `${path}.zst`].some((file) => existsSync(file)))
      this.#log("warning", `${path} was moved or removed: calls that codex recorded since then are not told`);
    for (const event of pairer.end()) await this.#tell(event);
  }

  async #tell(event: ToolCallEvent): Promise<void> {
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
      // What a script says on the way is part of its output for the model, and no result of its own for the host.
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
