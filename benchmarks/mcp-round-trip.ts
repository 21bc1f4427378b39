/**
 * Compares `tools/call` through relay and bridge with the same tool on an MCP SDK server, called directly over stdio:
 * `node benchmarks/mcp-round-trip.ts`, with @plexum/mcp-bridge built.
 *
 * The limit is `cat`: the cost of two pipes and a process that does nothing.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

const CALLS = 2000;
const LARGE_CALLS = 10;
const LARGE_MB = 10;

type Child = ChildProcessByStdio<Writable, Readable, null>;

const folder = await mkdtemp(join(tmpdir(), "round-trip-"));
const relayUrl = new URL("./dist/relay.js", import.meta.resolve("@plexum/mcp-bridge/package.json")).href;
const bridgeUrl = new URL("./index.js", relayUrl).href;
const sdk = (path: string) => import.meta.resolve(`@modelcontextprotocol/sdk/${path}`);
const socketPath = join(folder, "bridge.sock");

const tool = `const callTool = async ({ size }) => ({ content: [{ type: "text", text: "x".repeat(size) }] });`;
const bridge = await program(
  "bridge",
  `import { startBridge } from ${JSON.stringify(bridgeUrl)};
${tool}
await startBridge({ agentId: "alice", token: "token", socketPath: ${JSON.stringify(socketPath)}, tools: [{ name: "work" }],
  callTool: (call) => callTool(call.arguments) });
console.log("ready");`,
);
const relay = await program(
  "relay",
  `import { runRelayCommand } from ${JSON.stringify(relayUrl)};
process.exit(await runRelayCommand(["--socket", ${JSON.stringify(socketPath)}, "--agent-id", "alice"]));`,
);
const direct = await program(
  "direct",
  `import { Server } from ${JSON.stringify(sdk("server/index.js"))};
import { StdioServerTransport } from ${JSON.stringify(sdk("server/stdio.js"))};
${tool}
const server = new Server({ name: "direct", version: "1" }, { capabilities: { tools: {} } });
server.fallbackRequestHandler = ({ params }) => callTool(params.arguments);
await server.connect(new StdioServerTransport());`,
);

async function program(name: string, source: string): Promise<string> {
  const path = join(folder, `${name}.mjs`);
  await writeFile(path, source);
  return path;
}

function start(command: string, args: string[]): Child {
  return spawn(command, args, {
    env: { ...process.env, PLEXUM_MCP_TOKEN: "token" },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

/** Returns a function that sends a line, and resolves with the length of the answer when a whole line has arrived. */
function lineClient({ stdin, stdout }: Child) {
  let length = 0;
  let done = (_length: number) => {};
  stdout.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (chunk[chunk.length - 1] !== 10) return;
    done(length);
    length = 0;
  });
  return (line: string) =>
    new Promise<number>((resolve) => {
      done = resolve;
      stdin.write(`${line}\n`);
    });
}

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "benchmark", version: "1" } },
});
const call = (id: number, size: number) =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "work", arguments: { size } } });

const host = start(process.execPath, [bridge]);
await once(host.stdout, "data");
const subjects = [
  { name: "relay and bridge", child: start(process.execPath, [relay]), times: [] as number[], mbPerSecond: 0 },
  { name: "SDK server over stdio", child: start(process.execPath, [direct]), times: [] as number[], mbPerSecond: 0 },
  { name: "cat", child: start("cat", []), times: [] as number[], mbPerSecond: 0 },
].map((subject) => ({ ...subject, request: lineClient(subject.child) }));

for (const { request } of subjects) {
  await request(initialize);
  for (let id = 1; id <= 300; id++) await request(call(id, 10));
}
for (let id = 1; id <= CALLS; id++) {
  for (const { request, times } of subjects) {
    const began = performance.now();
    await request(call(id, 10));
    times.push(performance.now() - began);
  }
}
for (const subject of subjects) {
  // `cat` returns its input.
  const line = subject.name === "cat" ? "x".repeat(LARGE_MB * 1e6) : call(1, LARGE_MB * 1e6);
  await subject.request(line);
  const began = performance.now();
  let bytes = 0;
  for (let i = 0; i < LARGE_CALLS; i++) bytes += await subject.request(line);
  subject.mbPerSecond = bytes / 1e3 / (performance.now() - began);
}

const rival = median(subjects[1]?.times ?? []);
console.table(
  subjects.map(({ name, times, mbPerSecond }) => ({
    "tools/call": name,
    "median, ms": median(times).toFixed(3),
    "p99, ms": quantile(times, 0.99).toFixed(3),
    "beside the SDK's, ms": (median(times) - rival).toFixed(3),
    "MB/s, results of 10 MB": mbPerSecond.toFixed(0),
  })),
);
console.log("Aim: relay and bridge at most 0.2 ms more than the SDK's server in the median.");

for (const { child } of subjects) child.kill();
host.kill();
await rm(folder, { recursive: true });

function quantile(values: number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;
}

function median(values: number[]): number {
  return quantile(values, 0.5);
}
