/** Runs the built plugin with a host tool, the real codex and a scripted model, and measures what the plugin's process holds. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectedPlugin, connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, functionCall, type ModelRequest, type Reply, ScriptedModel, say } from "@plexum/scripted-model";
import { configurePlugin } from "./built-plugin.ts";

export const TRANSPORTS = ["app-server", "exec"] as const;

export interface Holdings {
  /** After a garbage collection, in MB. */
  readonly heap: number;
  /** Private resident memory, in MB. */
  readonly memory: number;
  readonly descriptors: number;
  readonly children: number;
  /** Timers, pipes, processes and the like that keep the event loop going. */
  readonly resources: Readonly<Record<string, number>>;
  /** How late the event loop was since the last measurement, in milliseconds. */
  readonly delayP99: number;
  readonly delayMax: number;
}

interface SeenTurn {
  readonly text: string;
  readonly stop: string;
  /** The ids of the calls in the stream. */
  readonly calls: readonly string[];
  /** All results in the stream, as JSON. */
  readonly results: string;
}

export interface ProbedPlugin extends AsyncDisposable {
  readonly plugin: ConnectedPlugin;
  readonly pid: number;
  readonly folder: string;
  readonly warnings: string[];
  look(): Promise<Holdings>;
  /** Runs a turn with a tool `lookup`, whose answer names the agent and the turn. */
  turn(agent: string, prompt: string, signal?: AbortSignal): Promise<SeenTurn>;
}

export interface ProbedPluginOptions {
  readonly config?: object;
  /** Default: calls `lookup` with the prompt, then says `to <prompt>`. */
  script?(request: ModelRequest): Reply;
}

export async function startProbedPlugin({ config, script = callsTool }: ProbedPluginOptions): Promise<ProbedPlugin> {
  await using stack = new AsyncDisposableStack();
  const model: ScriptedModel = stack.use(
    await ScriptedModel.start((request) => {
      // They are not read, and are as long as the threads.
      model.requests.length = 0;
      return script(request);
    }),
  );
  const home = stack.use(await CodexHome.create({ baseUrl: model.baseUrl }));
  const folder = await mkdtemp(join(tmpdir(), "probed-plugin-"));
  stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const { command, args, env } = await configurePlugin(folder, home.env, config);
  const probeFile = join(folder, "probe.json");
  const warnings: string[] = [];
  const plugin = await connectPlugin({
    command,
    args: ["--expose-gc", "--import", join(import.meta.dirname, "probe", "plugin-probe.ts"), ...args],
    env: { ...env, PLUGIN_PROBE: probeFile },
    onLog: ({ level, message }) => void (level === "warning" && warnings.push(message)),
    callTool: async ({ agent_id, arguments: { key } }) => ({
      content: [{ type: "text", text: `${agent_id} found ${key}` }],
    }),
  });
  stack.defer(() => plugin.close());
  const pid = plugin.pid as number;
  let streams = 0;
  const held = stack.move();
  return {
    plugin,
    pid,
    folder,
    warnings,
    async look() {
      await rm(probeFile, { force: true });
      process.kill(pid, "SIGUSR2");
      const inside = await untilWritten(probeFile);
      return {
        heap: (inside.heapUsed + inside.external) / 2 ** 20,
        memory: privateMemory(pid),
        descriptors: descriptorsOf(pid),
        children: childrenOf(pid).length,
        resources: inside.resources,
        delayP99: inside.delayP99,
        delayMax: inside.delayMax,
      };
    },
    async turn(agent, prompt, signal) {
      const request = {
        stream_id: `${streams++}`,
        model_id: "",
        agent: { agent_id: agent, workspace: join(folder, agent) },
        request: {
          messages: [{ role: "user" as const, content: [{ type: "text" as const, text: prompt }] }],
          tools: [{ name: "lookup", description: "Looks something up.", input_schema: { type: "object" } }],
        },
      };
      let text = "";
      let stop = "";
      const calls: string[] = [];
      const results: unknown[] = [];
      for await (const event of plugin.stream(request, signal === undefined ? {} : { signal })) {
        if (event.type === "error") throw new Error(event.error.message);
        if (event.type === "text_delta") text += event.text;
        if (event.type === "tool_call_start") calls.push(event.tool_call.id);
        if (event.type === "tool_result") results.push(event.tool_result);
        if (event.type === "message_end") stop = event.stop_reason;
      }
      return { text, stop, calls, results: JSON.stringify(results) };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Returns private memory in MB, which is what a process costs: all processes share the program's pages. */
export const privateMemory = (pid: number) =>
  ["Private_Dirty", "Private_Clean"]
    .map((key) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0))
    .reduce((a, b) => a + b) / 1024;

export const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

const childrenOf = (pid: number) =>
  read(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);

/** Returns the codex processes that are children of a plugin: kept ones, and those of running turns. */
export const codexesOf = (pid: number) =>
  childrenOf(pid).filter((child) => read(`/proc/${child}/cmdline`).startsWith(newestCodex.path));

function callsTool(request: ModelRequest): Reply {
  if (request.continuesTurn) return say(`to ${request.prompt}`);
  const namespace = request.toolNames.find((name) => name.endsWith(".lookup"))?.replace(/\.lookup$/, "") ?? "none";
  return answer([functionCall("lookup", { key: request.prompt }, { namespace })]);
}

interface Inside {
  readonly heapUsed: number;
  readonly external: number;
  readonly resources: Record<string, number>;
  readonly delayP99: number;
  readonly delayMax: number;
}

async function untilWritten(path: string): Promise<Inside> {
  for (let tries = 0; tries < 1000; tries++) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return JSON.parse(text) as Inside;
    await delay(10);
  }
  throw new Error("the plugin did not say what it holds within 10 s");
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
