/**
 * Measures a whole turn of the newest codex with a host's tools, with 1, 10 and 50 agents on the machine:
 * `node benchmarks/mcp-turn-time.ts`, with @plexum/mcp-bridge built.
 *
 * Compares tools for one run with every agent's server in codex's own config (the rival) and with no tools at all (the
 * limit).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Bridge,
  codexEnvironment,
  codexOverrides,
  codexServerName,
  identifyCodexCall,
  startBridge,
} from "@plexum/mcp-bridge";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";

const ROUNDS = 7;
const folder = await mkdtemp(join(tmpdir(), "turn-time-"));
const program = join(folder, "relay.mjs");
const relayUrl = new URL("./dist/relay.js", import.meta.resolve("@plexum/mcp-bridge/package.json")).href;
await writeFile(
  program,
  `import { runRelayCommand } from ${JSON.stringify(relayUrl)};
process.exit(await runRelayCommand(process.argv.slice(2)));`,
);
const relay = { command: process.execPath, args: [program] };

await using model = await ScriptedModel.start(() => say("done"));

async function turn(home: CodexHome, overrides: string[], token: string): Promise<number> {
  const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"];
  const began = performance.now();
  const codex = spawn(newestCodex.path, ["exec", ...flags, ...overrides, "go"], {
    cwd: home.path,
    env: { ...home.env, ...codexEnvironment(token) },
    stdio: "ignore",
  });
  const [code] = await once(codex, "exit");
  if (code !== 0) throw new Error(`codex ended with ${code}`);
  return performance.now() - began;
}

async function medianTurn(home: CodexHome, overrides: string[], token = ""): Promise<string> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push(await turn(home, overrides, token));
  return times.sort((a, b) => a - b)[ROUNDS >> 1]?.toFixed(0) ?? "";
}

const rows = [];
for (const agents of [1, 10, 50]) {
  const bridges: Bridge[] = [];
  for (let n = 0; n < agents; n++) {
    bridges.push(
      await startBridge({
        agentId: `agent-${n}`,
        socketPath: join(folder, `${n}.sock`),
        tools: [{ name: "work" }],
        callTool: async () => ({ content: [] }),
        identifyCall: identifyCodexCall,
      }),
    );
  }
  const [first] = bridges as [Bridge];
  const config = bridges.map(
    ({ agentId, socketPath }) => `[mcp_servers.${codexServerName(agentId)}]
command = ${JSON.stringify(relay.command)}
args = ${JSON.stringify(relay.args)}
env = { PLEXUM_MCP_SOCKET = ${JSON.stringify(socketPath)}, PLEXUM_MCP_AGENT_ID = ${JSON.stringify(agentId)} }
`,
  );
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  await using globalHome = await CodexHome.create({ baseUrl: model.baseUrl, config: config.join("\n") });
  rows.push({
    agents,
    "for one run, ms": await medianTurn(home, codexOverrides({ ...first, ...relay }), first.token),
    "all in codex's config, ms": await medianTurn(
      globalHome,
      codexOverrides({ ...first, ...relay }, { isRegistered: true }),
      first.token,
    ),
    "no tools, ms": await medianTurn(home, []),
  });
  for (const bridge of bridges) await bridge.close();
}
console.table(rows);
console.log("Aim: the time for one run stays flat.");
await rm(folder, { recursive: true });
