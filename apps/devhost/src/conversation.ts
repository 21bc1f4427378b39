import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type ConnectedPlugin,
  type ConsumeOp,
  connectPlugin,
  type HostToolCall,
  type LogEntry,
  type MutateReport,
  type ProviderEvent,
} from "@plexum/plugin-sdk";
import { AgentRecord, messagesOf } from "./agent-record.ts";
import { HostTools } from "./host-tools.ts";
import type { Setup } from "./setup.ts";

const AGENT_ID = "devhost";

export interface Watcher {
  onEvent(event: ProviderEvent): void;
  onLog(entry: LogEntry): void;
  onHostCall(call: HostToolCall): void;
}

/** The host's side of one agent: the plugin, the tools that it offers, and its record of the conversation. */
export class Conversation implements AsyncDisposable {
  readonly #plugin: ConnectedPlugin;
  readonly #setup: Setup;
  readonly #watcher: Watcher;
  readonly #record: AgentRecord;
  readonly #tools: HostTools;

  private constructor(plugin: ConnectedPlugin, setup: Setup, watcher: Watcher, record: AgentRecord, tools: HostTools) {
    this.#plugin = plugin;
    this.#setup = setup;
    this.#watcher = watcher;
    this.#record = record;
    this.#tools = tools;
  }

  static async start(setup: Setup, watcher: Watcher): Promise<Conversation> {
    const manifest = createRequire(import.meta.url).resolve("plexum-openai-provider/package.json");
    const tools = new HostTools(setup.workspace);
    const plugin = await connectPlugin({
      command: process.execPath,
      args: [join(dirname(manifest), "dist", "main.js")],
      env: setup.env,
      clientInfo: { name: "devhost", version: "0.0.0" },
      onLog: (entry) => watcher.onLog(entry),
      callTool(call, context) {
        watcher.onHostCall(call);
        return tools.call(call, context);
      },
    });
    return new Conversation(plugin, setup, watcher, await AgentRecord.open(setup.record), tools);
  }

  get pluginName(): string {
    const { name, version } = this.#plugin.manifest;
    return `${name} ${version}`;
  }

  /** The ids of the calls whose results could be consumed, oldest first. */
  get consumable(): string[] {
    return this.#record.consumable;
  }

  /** Runs one turn. Aborting the signal cancels it. */
  async say(text: string, signal?: AbortSignal): Promise<void> {
    await this.#record.append([{ role: "user", content: [{ type: "text", text }] }]);
    const { workspace, model } = this.#setup;
    const request = {
      stream_id: randomUUID(),
      model_id: model,
      agent: { agent_id: AGENT_ID, workspace },
      request: { messages: [...this.#record.messages], tools: this.#tools.offered },
    };
    const events: ProviderEvent[] = [];
    for await (const event of this.#plugin.stream(request, signal === undefined ? {} : { signal })) {
      this.#watcher.onEvent(event);
      events.push(event);
    }
    await this.#record.append(messagesOf(events));
  }

  /** Consumes the results of calls, here and in codex's own record of the thread. */
  async consume(callIds: readonly string[], op: ConsumeOp): Promise<MutateReport> {
    const mutations = callIds.map((block_id) => ({ block_id, op }));
    const report = await this.#plugin.mutate({ agent_id: AGENT_ID, workspace: this.#setup.workspace, mutations });
    await this.#record.consume(callIds, op);
    return report;
  }

  /** The workspace's codex thread, once there is one. */
  async threadId(): Promise<string | undefined> {
    return readFile(join(this.#setup.workspace, ".plexum-codex-session"), "utf8").catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#plugin.close();
  }
}
