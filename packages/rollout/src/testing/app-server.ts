import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { CodexThread } from "./codex-thread.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests check codex's answers field by field.
type Answer = any;

/** Runs `codex app-server`, which shows a thread as codex itself sees it. */
export class AppServer implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, { resolve: (result: Answer) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Map<string, (params: Answer) => void>();
  readonly #heard = new Map<string, () => void>();
  #nextId = 1;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(JSON.parse(line)));
  }

  static async start({ codex, home, workspace }: CodexThread): Promise<AppServer> {
    const child = spawn(codex.path, ["app-server"], {
      cwd: workspace,
      env: home.env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const server = new AppServer(child);
    await server.request("initialize", {
      clientInfo: { name: "rollout-test", version: "1" },
      capabilities: { experimentalApi: true },
    });
    child.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`);
    return server;
  }

  request(method: string, params: object): Promise<Answer> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  /** Resolves when codex sends one of these notifications. */
  notification(...methods: string[]): Promise<void> {
    return new Promise((resolve) => {
      for (const method of methods) this.#heard.set(method, resolve);
    });
  }

  /** Calls a function with the params of each notification of one kind. */
  on(method: string, listener: (params: Answer) => void): void {
    this.#listeners.set(method, listener);
  }

  #take(message: Answer): void {
    if (message.method !== undefined) {
      this.#listeners.get(message.method)?.(message.params);
      this.#heard.get(message.method)?.();
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (message.error) waiting?.reject(new Error(JSON.stringify(message.error)));
    else waiting?.resolve(message.result);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, "close");
    this.#child.stdin.end();
    await ended;
  }
}
