import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { CodexHome, CodexInstall } from "@plexum/real-codex";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** A `codex app-server` over stdio, as a host keeps one. */
export class AppServer implements AsyncDisposable {
  /** What it said without being asked, oldest first. */
  readonly notifications: Message[] = [];
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (message: Message) => void>();
  #onNotification = () => {};
  #nextId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface(child.stdout as NonNullable<typeof child.stdout>).on("line", (line) => {
      const message: Message = JSON.parse(line);
      if (message.method === undefined) this.#answers.get(Number(message.id))?.(message);
      else {
        this.notifications.push(message);
        this.#onNotification();
      }
    });
  }

  static async start(codex: CodexInstall, home: CodexHome, env: NodeJS.ProcessEnv = {}): Promise<AppServer> {
    const child = spawn(codex.path, ["app-server"], {
      cwd: home.path,
      env: { ...home.env, ...env },
      stdio: ["pipe", "pipe", "ignore"],
    });
    const server = new AppServer(child);
    const clientInfo = { name: "test", title: null, version: "1" };
    await server.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    server.#send({ method: "initialized" });
    return server;
  }

  async request(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#answers.set(id, resolve);
    this.#send({ id, method, params });
    const { result, error } = await promise;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result ?? {};
  }

  /** Starts a thread with this config; its id. */
  async startThread(cwd: string, config: Record<string, unknown>): Promise<string> {
    const params = { cwd, approvalPolicy: "never", sandbox: "danger-full-access", config };
    const { thread } = (await this.request("thread/start", params)) as { thread: { id: string } };
    return thread.id;
  }

  /** Starts a turn; its id. */
  async startTurn(threadId: string, text = "go"): Promise<string> {
    const started = await this.request("turn/start", { threadId, input: [{ type: "text", text }] });
    return (started as { turn: { id: string } }).turn.id;
  }

  /** Resolves when the turn that runs in a thread has ended, with its status. */
  async turnEnd(threadId: string): Promise<unknown> {
    const { turn } = (await this.notification("turn/completed", threadId)) as { turn: { status: unknown } };
    return turn.status;
  }

  async runTurn(threadId: string): Promise<unknown> {
    const before = this.notifications.length;
    await this.startTurn(threadId);
    const { turn } = (await this.notification("turn/completed", threadId, before)) as { turn: { status: unknown } };
    return turn.status;
  }

  /** The first notification of this method about a thread, come or to come. */
  async notification(method: string, threadId: string, from = 0): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.notifications
        .slice(from)
        .find((message) => message.method === method && message.params?.threadId === threadId);
      if (found?.params) return found.params;
      await new Promise<void>((resolve) => {
        this.#onNotification = resolve;
      });
    }
  }

  #send(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}
