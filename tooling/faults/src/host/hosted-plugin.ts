import { spawn } from "node:child_process";
import { once } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type ConnectedPlugin, connectPlugin, type HostHandlers } from "@plexum/plugin-sdk";
import type { HostRecord } from "./host-record.ts";
import { signal } from "./processes.ts";

/** The built plugin, as it is shipped. */
const PLUGIN = fileURLToPath(new URL("dist/main.js", import.meta.resolve("plexum-openai-provider/package.json")));

export interface HostedPluginOptions extends HostHandlers {
  readonly env: NodeJS.ProcessEnv;
  readonly record: HostRecord;
  /** Called with the plugin's stderr output. */
  readonly onStderr: (text: string) => void;
}

/** A plugin with a connected host that can misbehave. */
export class HostedPlugin {
  readonly connection: ConnectedPlugin;
  readonly pid: number;
  readonly #stdin: Writable;
  readonly #stdout: Readable;
  readonly #exited: Promise<unknown[]>;

  private constructor(
    connection: ConnectedPlugin,
    pid: number,
    stdin: Writable,
    stdout: Readable,
    exited: Promise<unknown[]>,
  ) {
    this.connection = connection;
    this.pid = pid;
    this.#stdin = stdin;
    this.#stdout = stdout;
    this.#exited = exited;
  }

  static async start({ env, record, onStderr, ...handlers }: HostedPluginOptions): Promise<HostedPlugin> {
    const child = spawn(process.execPath, [PLUGIN], { env, stdio: "pipe", detached: true });
    const exited = once(child, "exit");
    const input = new PassThrough();
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) record.takeLine(line);
      input.write(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", onStderr);
    child.stdout.on("close", () => input.end());
    child.stdin.on("error", () => {});
    const connection = await connectPlugin({ ...handlers, input, output: child.stdin });
    return new HostedPlugin(connection, child.pid as number, child.stdin, child.stdout, exited);
  }

  /** Stops reading the plugin's output until it is resumed. */
  stopReading(): void {
    this.#stdout.pause();
  }

  readOn(): void {
    this.#stdout.resume();
  }

  /** Ends the plugin's input within a message. */
  cutInput(): void {
    this.#stdin.end('{"jsonrpc":"2.0","id":"cut","method":"pi');
  }

  kill(): void {
    signal(this.pid, "SIGKILL");
  }

  /** Ends the plugin as a host does. Resolves with its exit code, or the name of the signal that ended it. */
  async close(): Promise<unknown> {
    this.#stdin.end();
    return await this.ended();
  }

  async ended(): Promise<unknown> {
    const [code, name] = await this.#exited;
    return name ?? code;
  }
}
