import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  type ConnectedPlugin,
  connectPlugin,
  type HostHandlers,
  type LogEntry,
  type Message,
  type ProviderEvent,
  type StreamRequest,
} from "@plexum/plugin-sdk";
import { CodexHome, type CodexInstall, type CreateHomeOptions } from "@plexum/real-codex";
import { type Script, ScriptedModel } from "@plexum/scripted-model";
import { afterAll } from "vitest";

/** The plugin as shipped: the build. */
export const PLUGIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** How a program ended, and what it printed. */
export interface ProgramOutcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Runs a program to its end, whatever its exit code. */
export const runToEnd = (program: string, args: string[], env: NodeJS.ProcessEnv): Promise<ProgramOutcome> =>
  promisify(execFile)(program, args, { env }).then(
    ({ stdout, stderr }) => ({ stdout, stderr, exitCode: 0 }),
    ({ stdout, stderr, code }) => ({ stdout, stderr, exitCode: code as number }),
  );

/** Runs a subcommand of the plugin, as the user does, without a terminal. */
export const runPlugin = (args: string[], env: NodeJS.ProcessEnv) => runToEnd(process.execPath, [PLUGIN, ...args], env);

/** A codex and the transport to use. Without a transport the plugin chooses. */
export type CodexToRun = CodexInstall & { readonly transport?: "app-server" | "exec" };

export const TRANSPORTS = ["app-server", "exec"] as const;

/** Each codex by each transport. */
export const byEachTransport = (codexes: readonly CodexInstall[]): Required<CodexToRun>[] =>
  codexes.flatMap((codex) => TRANSPORTS.map((transport) => ({ ...codex, transport })));

// Agents have the same names in every test file, and files run concurrently, so each file has its own folder for sockets.
const RUNTIME = mkdtempSync(join(tmpdir(), "plexum-run-"));
process.env.XDG_RUNTIME_DIR = RUNTIME;
afterAll(() => rm(RUNTIME, { recursive: true, force: true, maxRetries: 5 }));

export interface HarnessOptions {
  readonly codex: CodexToRun;
  readonly script?: Script;
  /** More keys of the plugin's config. */
  readonly config?: Record<string, unknown>;
  readonly home?: Partial<CreateHomeOptions>;
  /** More variables of the plugin's environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What the host received from a turn. */
export interface TurnSeen {
  readonly events: ProviderEvent[];
  readonly text: string;
  readonly end: Extract<ProviderEvent, { type: "message_end" }>;
  readonly error: { code: string; message: string } | undefined;
}

/** A host with the built plugin, the real codex behind it, and a scripted model behind that; all in their own folders. */
export class Harness implements AsyncDisposable {
  readonly model: ScriptedModel;
  readonly home: CodexHome;
  readonly folder: string;
  readonly logs: LogEntry[] = [];
  readonly #plugins: ConnectedPlugin[] = [];
  readonly #stack: AsyncDisposableStack;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(
    stack: AsyncDisposableStack,
    model: ScriptedModel,
    home: CodexHome,
    folder: string,
    env: NodeJS.ProcessEnv,
  ) {
    this.#stack = stack;
    this.model = model;
    this.home = home;
    this.folder = folder;
    this.#env = env;
  }

  static async create({ codex, script, config, home: homeOptions, env = {} }: HarnessOptions): Promise<Harness> {
    await using stack = new AsyncDisposableStack();
    const model = stack.use(await ScriptedModel.start(script));
    const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl, ...homeOptions }));
    const folder = await mkdtemp(join(tmpdir(), "plexum-e2e-"));
    stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const harness = new Harness(stack.move(), model, home, folder, env);
    const { path: binary, transport } = codex;
    await harness.configure({ binary, ...(transport === undefined ? {} : { transport }), ...config });
    return harness;
  }

  get workspace(): string {
    return join(this.folder, "workspace");
  }

  get env(): NodeJS.ProcessEnv {
    return { ...this.home.env, PLEXUM_PROFILE_ROOT: this.folder, ...this.#env };
  }

  async configure(config: unknown): Promise<void> {
    const folder = join(this.folder, "plugins", "plexum-openai-provider");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), typeof config === "string" ? config : JSON.stringify(config));
  }

  /** @param handlers The host's handlers for the plugin's requests. By default the host has no tools. */
  async plugin(handlers: HostHandlers = {}): Promise<ConnectedPlugin> {
    const plugin = await connectPlugin({
      ...handlers,
      command: process.env.PLEXUM_TEST_NODE ?? process.execPath,
      args: [PLUGIN],
      env: this.env,
      onLog: (entry) => this.logs.push(entry),
    });
    this.#plugins.push(plugin);
    return plugin;
  }

  request(prompt: string | Message[], overrides: Partial<StreamRequest> = {}): StreamRequest {
    const messages = typeof prompt === "string" ? [user(prompt)] : prompt;
    return {
      stream_id: randomUUID(),
      model_id: "codex",
      agent: { agent_id: "alice", workspace: this.workspace },
      request: { messages },
      ...overrides,
    };
  }

  warnings(): string[] {
    return this.logs.filter(({ level }) => level === "warning").map(({ message }) => message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const plugin of this.#plugins) await plugin.close();
    await this.#stack.disposeAsync();
  }
}

export const user = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
export const assistant = (text: string): Message => ({ role: "assistant", content: [{ type: "text", text }] });

/** Runs one turn to its end, and checks the rules for every turn. */
export async function turn(
  plugin: ConnectedPlugin,
  request: StreamRequest,
  options: { signal?: AbortSignal; onEvent?: (event: ProviderEvent) => void } = {},
): Promise<TurnSeen> {
  const events: ProviderEvent[] = [];
  for await (const event of plugin.stream(request, options)) {
    events.push(event);
    options.onEvent?.(event);
  }
  const types = events.map(({ type }) => type);
  const end = events.at(-1);
  if (types[0] !== "message_start" || end?.type !== "message_end")
    throw new Error(`not a whole turn: ${types.join(", ")}`);
  const error = events.find((event) => event.type === "error");
  const text = events.flatMap((event) => (event.type === "text_delta" ? [event.text] : [])).join("\n");
  return { events, text, end, error: error?.error };
}

/** Waits until `look` returns a value, and returns that. Throws if it does not in time. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
