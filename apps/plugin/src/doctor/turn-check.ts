import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { staleThreadLocks } from "@plexum/codex-sessions";
import type { Host, ProviderEvent } from "@plexum/plugin-sdk";
import type { Config } from "../config.ts";
import { Provider } from "../provider.ts";
import { type Check, type Outcome, ok } from "./check.ts";
import type { Context } from "./context.ts";

const TIME_LIMIT_MS = 120_000;
const TOOL = "plexum_doctor";
/** The age from which lock files may be removed. */
const SETTLED_MS = 20;

/** Runs one turn as the plugin does, in a temporary folder, with a tool that the model is asked to call. */
export const turn: Check = {
  id: "turn",
  isOptional: true,
  meaning: "Turns that the host requests fail in the same way.",
  remedy: "Follow the message.",
  timeoutMs: TIME_LIMIT_MS + 15_000,
  async run(context, signal) {
    const { codexHome } = context;
    const before = new Set((await staleLocks(codexHome)).map(({ path }) => path));
    const workspace = await realpath(await mkdtemp(join(tmpdir(), "plexum-doctor-")));
    try {
      return await runTurn(context, workspace, signal);
    } finally {
      await rm(workspace, { recursive: true, force: true, maxRetries: 5 });
      // codex does not record this thread, so its lock is stale at once.
      await delay(2 * SETTLED_MS);
      for (const lock of await staleLocks(codexHome)) if (!before.has(lock.path)) await lock.remove().catch(() => {});
    }
  },
};

async function runTurn(context: Context, workspace: string, signal: AbortSignal): Promise<Outcome> {
  const word = randomBytes(4).toString("hex");
  let calls = 0;
  const said: string[] = [];
  let transport = "";
  const host: Host = {
    log(level, message, fields) {
      if (typeof fields?.transport === "string") transport = fields.transport;
      if (level === "warning" || level === "error") said.push(message);
    },
    async callTool() {
      calls++;
      return { content: [{ type: "text", text: word }] };
    },
    async readAgentState() {
      return null;
    },
  };
  const config = withoutTraces(await context.config(), workspace);
  const events: ProviderEvent[] = [];
  const started = performance.now();
  await using provider = new Provider(host, config, context.env);
  await provider.stream(
    {
      stream_id: randomUUID(),
      model_id: config.supportedModels[0] ?? "codex",
      agent: { agent_id: `doctor-${randomUUID().slice(0, 8)}`, workspace },
      request: {
        messages: [{ role: "user", content: [{ type: "text", text: PROMPT }] }],
        tools: [{ name: TOOL, description: "Returns a word.", input_schema: { type: "object", properties: {} } }],
      },
    },
    { signal, emit: async (event) => void events.push(event) },
  );
  return outcomeOf(events, { calls, word, said, transport, seconds: (performance.now() - started) / 1000 });
}

const PROMPT = `This is a test of the connection. Call the tool ${TOOL} once, without arguments. Then answer with only the word that it returns.`;

/** Returns the plugin's config, changed so that codex records no thread and adds neither server nor folder to its own config. */
const withoutTraces = (config: Config, workspace: string): Config => ({
  ...config,
  timeoutMs: Math.min(config.timeoutMs ?? TIME_LIMIT_MS, TIME_LIMIT_MS),
  mcpRegistration: "run",
  extraArgs: [
    ...config.extraArgs,
    "--ephemeral",
    "-c",
    `projects={${JSON.stringify(workspace)}={trust_level="trusted"}}`,
  ],
});

interface Seen {
  readonly calls: number;
  readonly word: string;
  readonly said: readonly string[];
  readonly transport: string;
  readonly seconds: number;
}

function outcomeOf(events: readonly ProviderEvent[], { calls, word, said, transport, seconds }: Seen): Outcome {
  const error = events.find((event) => event.type === "error")?.error;
  const detail = [...new Set(said)].filter((line) => line !== error?.message).join("\n") || undefined;
  if (error !== undefined) return { status: "error", title: `${error.code}: ${error.message}`, detail };
  const text = events.flatMap((event) => (event.type === "text_delta" ? [event.text] : [])).join("\n");
  const took = `a turn by ${transport} took ${seconds.toFixed(1)} s`;
  if (calls > 0) {
    const end = text.includes(word) ? "and the model repeated its result" : "and codex received its result";
    return ok(`${took}; the host's tool was called, ${end}`, detail);
  }
  return {
    status: "warning",
    title: `${took}, but the model did not call the host's tool`,
    detail: [`The model's answer: ${text.slice(0, 500)}`, detail].filter(Boolean).join("\n"),
    meaning: "Turns work. It is unknown whether calls of the host's tools work.",
    remedy:
      "If a line above mentions the tools, follow it. Otherwise try again: the model may have chosen not to call it.",
  };
}

/** Returns an empty list if the locks can't be listed; the check `rollouts` reports that. */
const staleLocks = (codexHome: string) => staleThreadLocks(codexHome, { minAgeMs: SETTLED_MS }).catch(() => []);
