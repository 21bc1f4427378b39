/** Keeps a bare `codex app-server`, the rival of a turn through the plugin. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { Peer } from "@plexum/json-rpc";

export class BareAppServer {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #peer: Peer;
  readonly #cwd: string;
  readonly #waiting = new Map<string, () => void>();
  #threadId: string | undefined;

  private constructor(codex: string, cwd: string, env: NodeJS.ProcessEnv) {
    this.#cwd = cwd;
    this.#child = spawn(codex, ["app-server", "-c", "thread_unload_delay_secs=0"], {
      cwd,
      env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#peer = new Peer({
      input: this.#child.stdout,
      output: this.#child.stdin,
      dialect: "plain",
      onRequest: async () => ({}),
      onNotification: (method) => this.#waiting.get(method)?.(),
    });
  }

  static async start(codex: string, cwd: string, env: NodeJS.ProcessEnv): Promise<BareAppServer> {
    const server = new BareAppServer(codex, cwd, env);
    const clientInfo = { name: "bare", title: null, version: "1" };
    await server.#peer.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    await server.#peer.notify("initialized", {});
    return server;
  }

  /** Runs one turn, with the thread loaded for it and unloaded after it. Resolves with its duration in milliseconds. */
  async turn(text: string, config: object = {}): Promise<number> {
    const start = performance.now();
    const ask = (method: string, params: object) => this.#peer.request(method, params) as Promise<never>;
    const read: { config: { model: string } } = await ask("config/read", { cwd: this.#cwd });
    const load = {
      cwd: this.#cwd,
      approvalPolicy: "never",
      sandbox: "danger-full-access",
      model: read.config.model,
      config,
    };
    if (this.#threadId === undefined) {
      const started: { thread: { id: string } } = await ask("thread/start", load);
      this.#threadId = started.thread.id;
    } else await ask("thread/resume", { threadId: this.#threadId, excludeTurns: true, ...load });
    const completed = this.#next("turn/completed");
    await ask("turn/start", { threadId: this.#threadId, input: [{ type: "text", text }] });
    await completed;
    const closed = this.#next("thread/closed");
    await ask("thread/unsubscribe", { threadId: this.#threadId });
    await closed;
    return performance.now() - start;
  }

  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.stdin.end();
    await exited;
  }

  #next(method: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(method, resolve);
    });
  }
}
