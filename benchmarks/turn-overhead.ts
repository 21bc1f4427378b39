/**
 * Measures a turn by `codex exec` through a warm plugin minus a bare `codex exec` with the same prompt on the same model server: the
 * plugin's cost per turn. Aim: at most 10 ms, median of 20 pairs. `codex exec` alone is both rival and limit. For turns on an app-server,
 * see app-server-turn.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { configurePlugin } from "./support/built-plugin.ts";
import { alternately, median, milliseconds } from "./support/figures.ts";

const PAIRS = 20;
const PROMPT = "Say hello.";

const folder = await mkdtemp(join(tmpdir(), "turn-overhead-"));
await using model = await ScriptedModel.start(() => say("hello"));
await using home = await CodexHome.create({ baseUrl: model.baseUrl, model: "gpt-5.5" });
await using plugin = await connectPlugin(await configurePlugin(folder, home.env, { transport: "exec" }));

let turns = 0;
/** Runs each turn in a new workspace, and so on a new thread, like the bare run. */
async function throughPlugin(): Promise<number> {
  const agent = { agent_id: "benchmark", workspace: join(folder, `workspace-${turns++}`) };
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: PROMPT }] }];
  const start = performance.now();
  for await (const event of plugin.stream({ stream_id: `${turns}`, model_id: "", agent, request: { messages } })) {
    if (event.type === "error") throw new Error(event.error.message);
  }
  return performance.now() - start;
}

async function bare(): Promise<number> {
  const cwd = join(folder, `workspace-${turns++}`);
  await mkdir(cwd);
  const args = ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "-"];
  const start = performance.now();
  const codex = spawn(newestCodex.path, args, { cwd, env: home.env, stdio: ["pipe", "pipe", "ignore"] });
  codex.stdout.resume();
  codex.stdin.end(PROMPT);
  const [exitCode] = await once(codex, "exit");
  if (exitCode !== 0) throw new Error(`codex exited with code ${exitCode}`);
  return performance.now() - start;
}

await throughPlugin();
await bare();
const pairs = await alternately(PAIRS, throughPlugin, bare);
const overhead = median(pairs.map((pair) => pair.plugin - pair.bare));
const ratio = median(pairs.map((pair) => pair.plugin / pair.bare));
console.log(`a turn on codex ${newestCodex.version}, median of ${PAIRS} pairs`);
console.table({
  "through the plugin": {
    median: milliseconds(median(pairs.map((pair) => pair.plugin))),
    ratio: ratio.toFixed(2),
    aim: "",
  },
  "codex exec alone (limit)": { median: milliseconds(median(pairs.map((pair) => pair.bare))), ratio: "1", aim: "" },
  "the plugin's share": { median: milliseconds(overhead), ratio: "", aim: "≤ 10 ms" },
});
await plugin.close();
await rm(folder, { recursive: true, force: true });
