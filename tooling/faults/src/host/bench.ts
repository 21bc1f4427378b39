import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { HostToolCall, LogEntry } from "@plexum/plugin-sdk";
import { CodexHome, type CodexInstall } from "@plexum/real-codex";
import { ScriptedModel } from "@plexum/scripted-model";
import { checkRequest } from "../checks/check-request.ts";
import { checkScripts } from "../checks/check-scripts.ts";
import type { Violation } from "../checks/violation.ts";
import type { Transport } from "../plan/fault.ts";
import type { Mode } from "../plan/planned-script.ts";
import { resultOf } from "../plan/script-source.ts";
import type { TurnScript } from "../plan/turn-script.ts";
import { HostRecord } from "./host-record.ts";
import { HostedPlugin } from "./hosted-plugin.ts";
import { mountSmallDisk, unmount } from "./mounts.ts";
import { processesWith, signal } from "./processes.ts";
import { WorkspaceState } from "./workspace-state.ts";

/** The folder in which the files of a round with a violation are kept. */
const keptFolder = (folder: string): string => `${folder}-kept`;

export interface BenchOptions {
  readonly codex: CodexInstall;
  readonly transport: Transport;
  readonly mode: Mode;
  readonly clockJumps: boolean;
}

/** Which of codex's modes a model runs in. */
const MODELS = { direct: "gpt-5", code: "gpt-5.6-sol" } as const satisfies Readonly<Record<Mode, string>>;

/** A host, its plugin, the real codex and a scripted model, in their own folders. */
export class Bench {
  readonly folder: string;
  readonly options: BenchOptions;
  readonly model: ScriptedModel;
  readonly home: CodexHome;
  readonly canMount: boolean;
  readonly record = new HostRecord();
  readonly logs: LogEntry[] = [];
  readonly violations: Violation[] = [];
  readonly workspaces: Readonly<Record<"a" | "b", WorkspaceState>>;
  /** The running turns, by the names in their prompts. */
  readonly running = new Map<string, { script: TurnScript; state: WorkspaceState }>();
  /** The names of all turns so far. A request that was in flight when its turn ended may still arrive. */
  readonly tokens = new Set<string>();
  readonly mounted = new Set<string>();
  /** How many calls from inside scripts the host received in turns that completed, and how many of them were consumed. */
  nested = 0;
  nestedConsumed = 0;
  /** In code mode: the id with which the host was asked for a call, by the call's name. */
  readonly askedAs = new Map<string, string>();
  #plugin: Promise<HostedPlugin> | undefined;

  private constructor(folder: string, options: BenchOptions, model: ScriptedModel, home: CodexHome, mounts: boolean) {
    this.folder = folder;
    this.options = options;
    this.model = model;
    this.home = home;
    this.canMount = mounts;
    if (mounts) this.mounted.add(folder);
    const state = (name: string) => new WorkspaceState(join(folder, `workspace-${name}`), `${name}-${randomUUID()}`);
    this.workspaces = { a: state("a"), b: state("b") };
  }

  static async create(options: BenchOptions): Promise<Bench> {
    const folder = await realpath(await mkdtemp(join(tmpdir(), "plexum-faults-")));
    const mounts = mountSmallDisk(folder);
    const model = await ScriptedModel.start();
    const home = await CodexHome.create({ baseUrl: model.baseUrl, model: MODELS[options.mode], parent: folder });
    const bench = new Bench(folder, options, model, home, mounts);
    await mkdir(bench.temporary);
    const config = join(folder, "plugins", "plexum-openai-provider");
    await mkdir(config, { recursive: true });
    const { codex, transport, mode } = options;
    const nested = mode === "code" ? { code_mode_tools: "nested" } : {};
    await writeFile(
      join(config, "config.json"),
      JSON.stringify({ binary: codex.path, transport, keep_alive_ms: 20_000, ...nested }),
    );
    model.play((request) => {
      const token = [...request.userTexts.join("\n").matchAll(/turn <([^>]+)>/g)].at(-1)?.[1] ?? "";
      const turn = bench.running.get(token);
      if (turn === undefined) {
        if (!bench.tokens.has(token)) bench.report("ending", `the model was asked about "${token}", which is no turn`);
        return { kind: "drop" };
      }
      bench.violations.push(...checkRequest(request, turn.state), ...checkScripts(request, turn.state));
      const reply = turn.script.reply(request);
      for (const [id, script] of turn.script.scripts)
        if (!turn.state.scripts.has(id))
          turn.state.scripts.set(id, { ...script, nested: new Map(), asked: new Set(), shown: undefined });
      return reply;
    });
    return bench;
  }

  get temporary(): string {
    return join(this.folder, "tmp");
  }

  get clockFile(): string {
    return join(this.folder, "clock");
  }

  get env(): NodeJS.ProcessEnv {
    const { XDG_RUNTIME_DIR: _runtime, NODE_OPTIONS: _options, ...env } = this.home.env;
    const clock = {
      PLEXUM_FAULTS_CLOCK: this.clockFile,
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "../clock.mjs"))}`,
    };
    return {
      ...env,
      PLEXUM_PROFILE_ROOT: this.folder,
      TMPDIR: this.temporary,
      ...(this.options.clockJumps ? clock : {}),
    };
  }

  report(invariant: Violation["invariant"], what: string): void {
    this.violations.push({ invariant, what });
  }

  /** Returns the running plugin, or a new one if the last has ended. */
  plugin(): Promise<HostedPlugin> {
    this.#plugin ??= HostedPlugin.start({
      env: this.env,
      record: this.record,
      onStderr: (message) => this.logs.push({ level: "debug", logger: "stderr", message, fields: {} }),
      onLog: (entry) => this.logs.push(entry),
      onFault: (error) => {
        // The answer to half a message.
        if (this.#plugin !== undefined) this.report("stream", `the plugin sent a fault: ${error.message}`);
      },
      callTool: (call) => this.#callTool(call),
    });
    return this.#plugin;
  }

  /** Makes the next turn start another plugin. */
  leavePlugin(): void {
    this.#plugin = undefined;
  }

  /** Recreates the codex home, with only the config in it. */
  async restoreHome(): Promise<void> {
    await mkdir(this.home.path, { recursive: true });
    await this.home.configure({ baseUrl: this.model.baseUrl, model: MODELS[this.options.mode] });
  }

  /** Records that the threads are gone: later turns are not compared with them. */
  forgetThreads(): void {
    for (const state of Object.values(this.workspaces)) state.forget();
  }

  /** Returns the codex processes that are running in a workspace. */
  codexes(state: WorkspaceState): number[] {
    return processesWith("PLEXUM_PROFILE_ROOT", this.folder)
      .filter(({ command, folder }) => command.startsWith(this.options.codex.path) && folder === state.path)
      .map(({ pid }) => pid);
  }

  relays(): number[] {
    return processesWith("PLEXUM_PROFILE_ROOT", this.folder)
      .filter(({ command }) => command.includes("mcp-host"))
      .map(({ pid }) => pid);
  }

  async #callTool({ call_id, arguments: args }: HostToolCall) {
    const { call, ms } = args as { call: string; ms: number };
    if (this.options.mode === "code") {
      if (call_id === undefined) this.report("calls", `the host was asked for ${call} without an id`);
      else if (this.askedAs.has(call)) this.report("calls", `the host was asked for ${call} twice`);
      else this.askedAs.set(call, call_id);
    } else if (call_id !== undefined && call_id !== call)
      this.report("calls", `the host was asked for ${call} by the id ${call_id}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return { content: [{ type: "text", text: resultOf(call) }] };
  }

  /**
   * Ends everything that remains of the run, and removes its folder.
   * @param isKept Whether to keep a copy of the folder, whose path is returned.
   */
  async remove(isKept: boolean): Promise<string | undefined> {
    for (const { pid } of processesWith("PLEXUM_PROFILE_ROOT", this.folder)) signal(pid, "SIGKILL");
    await this.model[Symbol.asyncDispose]();
    if (isKept) {
      const log = this.logs.map((entry) => `${JSON.stringify(entry)}\n`).join("");
      await writeFile(join(this.folder, "plugin-log.jsonl"), log);
      const streams = [...this.record.streams.values()].map((stream) => `${JSON.stringify(stream)}\n`).join("");
      await writeFile(join(this.folder, "host-record.jsonl"), streams);
      execFileSync("cp", ["--archive", this.folder, keptFolder(this.folder)]);
    }
    for (const path of [...this.mounted].reverse()) unmount(path);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    return isKept ? keptFolder(this.folder) : undefined;
  }
}
