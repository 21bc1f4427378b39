/**
 * Grows two threads of codex with the same turns, until each rollout exceeds 1 GB: one through the plugin, one on a bare app-server
 * that loads and unloads its thread in each turn, as the plugin does. Each turn's answer has 700 KB, and codex compacts its history
 * every few turns. The plugin's share of a turn must be the same at the end as at the beginning.
 *
 * `node benchmarks/long-thread.ts [turns]`
 */
import { glob, mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { BareAppServer } from "./support/bare-app-server.ts";
import { configurePlugin } from "./support/built-plugin.ts";
import { alternately, median, milliseconds } from "./support/figures.ts";

const TURNS = Number(process.argv[2] ?? 500);
/** How many turns at each end are compared. */
const COMPARED = Math.min(50, Math.floor(TURNS / 2));
const PROMPT = "Tell me more.";
const ANSWER = "A long answer. ".repeat(47_000);
/** What the model server reports for each answer that a request has. */
const TOKENS_AN_ANSWER = 40_000;
const COMPACTION = { model_auto_compact_token_limit: 5 * TOKENS_AN_ANSWER };

const folder = await mkdtemp(join(tmpdir(), "long-thread-"));
let compactions = 0;
await using model = await ScriptedModel.start((request) => {
  model.requests.length = 0; // They would take gigabytes.
  const answers = request.input.filter(({ role }) => role === "assistant").length;
  if (request.prompt === PROMPT) return say(ANSWER, { input: TOKENS_AN_ANSWER * (answers + 1), output: 1 });
  compactions++;
  return say("A summary.");
});
await using home = await CodexHome.create({ baseUrl: model.baseUrl, model: "gpt-5.5" });
const extra_args = Object.entries(COMPACTION).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
await using plugin = await connectPlugin(await configurePlugin(folder, home.env, { extra_args }));
const bareFolder = join(folder, "bare");
await mkdir(bareFolder);
const bare = await BareAppServer.start(newestCodex.path, bareFolder, home.env);

let turns = 0;
async function throughPlugin(): Promise<number> {
  const agent = { agent_id: "benchmark", workspace: join(folder, "workspace") };
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: PROMPT }] }];
  const start = performance.now();
  for await (const event of plugin.stream({ stream_id: `${turns++}`, model_id: "", agent, request: { messages } })) {
    if (event.type === "error") throw new Error(event.error.message);
  }
  return performance.now() - start;
}

const pairs = await alternately(TURNS, throughPlugin, () => bare.turn(PROMPT, COMPACTION));
const sizes: number[] = [];
for await (const path of glob("sessions/*/*/*/*.jsonl", { cwd: home.path }))
  sizes.push((await stat(join(home.path, path))).size);
const row = (of: typeof pairs) => ({
  "through the plugin": milliseconds(median(of.map((pair) => pair.plugin))),
  "bare app-server": milliseconds(median(of.map((pair) => pair.bare))),
  ratio: median(of.map((pair) => pair.plugin / pair.bare)).toFixed(2),
  "the plugin's share": milliseconds(median(of.map((pair) => pair.plugin - pair.bare))),
});
const megabytes = sizes.map((size) => `${(size / 1e6).toFixed(0)} MB`).join(" and ");
console.log(`codex ${newestCodex.version}: ${TURNS} turns each, ${compactions} compactions, rollouts of ${megabytes}`);
console.table({
  [`turns 2 to ${COMPARED + 1}`]: row(pairs.slice(1, COMPARED + 1)),
  [`the last ${COMPARED} turns`]: row(pairs.slice(-COMPARED)),
});
await plugin.close();
await bare.close();
await rm(folder, { recursive: true, force: true });
