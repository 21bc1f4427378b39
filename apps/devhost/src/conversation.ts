import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import {
  type ConnectedPlugin,
  connectPlugin,
  type LogEntry,
  type Message,
  type ProviderEvent,
} from "@plexum/plugin-sdk";
import type { Setup } from "./setup.ts";

export interface Watcher {
  onEvent(event: ProviderEvent): void;
  onLog(entry: LogEntry): void;
}

/** A host's side of one agent: the plugin it talks to, and the conversation so far. */
export class Conversation implements AsyncDisposable {
  readonly #plugin: ConnectedPlugin;
  readonly #setup: Setup;
  readonly #watcher: Watcher;
  readonly #messages: Message[] = [];

  private constructor(plugin: ConnectedPlugin, setup: Setup, watcher: Watcher) {
    this.#plugin = plugin;
    this.#setup = setup;
    this.#watcher = watcher;
  }

  static async start(setup: Setup, watcher: Watcher): Promise<Conversation> {
    const manifest = createRequire(import.meta.url).resolve("plexum-openai-provider/package.json");
    const plugin = await connectPlugin({
      command: process.execPath,
      args: [join(dirname(manifest), "dist", "main.js")],
      env: setup.env,
      clientInfo: { name: "devhost", version: "0.0.0" },
      onLog: (entry) => watcher.onLog(entry),
    });
    return new Conversation(plugin, setup, watcher);
  }

  get pluginName(): string {
    const { name, version } = this.#plugin.manifest;
    return `${name} ${version}`;
  }

  /** One turn. Aborting the signal cancels it. */
  async say(text: string, signal?: AbortSignal): Promise<void> {
    this.#messages.push({ role: "user", content: [{ type: "text", text }] });
    const { workspace, model } = this.#setup;
    const request = {
      stream_id: randomUUID(),
      model_id: model,
      agent: { agent_id: "devhost", workspace },
      request: { messages: [...this.#messages] },
    };
    const said: string[] = [];
    for await (const event of this.#plugin.stream(request, signal === undefined ? {} : { signal })) {
      this.#watcher.onEvent(event);
      if (event.type === "text_delta") said.push(event.text);
    }
    if (said.length > 0)
      this.#messages.push({ role: "assistant", content: said.map((part) => ({ type: "text", text: part })) });
  }

  /** The workspace's codex thread, once there is one. */
  async threadId(): Promise<string | undefined> {
    return readFile(join(this.#setup.workspace, ".plexum-codex-session"), "utf8").catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#plugin.close();
  }
}
