// Compares the start of the relay with the start of an idle node. Build @plexum/mcp-bridge first.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROUNDS = 60;
const built = fileURLToPath(new URL("./dist/relay.js", import.meta.resolve("@plexum/mcp-bridge/package.json")));
if (!existsSync(built)) throw new Error("@plexum/mcp-bridge is not built: run `pnpm build`");

const folder = await mkdtemp(join(tmpdir(), "relay-start-"));
const program = join(folder, "relay.mjs");
const socketPath = join(folder, "bridge.sock");
await writeFile(
  program,
  `import { runRelayCommand } from ${JSON.stringify(pathToFileURL(built).href)};
process.exit(await runRelayCommand(process.argv.slice(2)));
`,
);

/** Called when the first byte after a relay's greeting has arrived. */
let onFirstByte = () => {};
const bridge = createServer((socket) => {
  let greeted = false;
  socket.on("data", () => {
    if (greeted) return onFirstByte();
    greeted = true;
    socket.write('{"plexum_mcp_bridge":1,"accepted":true}\n');
  });
  socket.on("error", () => {});
}).listen(socketPath);
await once(bridge, "listening");

function startRelay() {
  return spawn(process.execPath, [program, "--socket", socketPath, "--agent-id", "alice"], {
    env: { ...process.env, PLEXUM_MCP_TOKEN: "token" },
    stdio: ["pipe", "pipe", "inherit"],
  });
}

async function relayStart(): Promise<number> {
  const began = performance.now();
  const arrived = new Promise<void>((resolve) => {
    onFirstByte = resolve;
  });
  const relay = startRelay();
  relay.stdin.write("x");
  await arrived;
  const took = performance.now() - began;
  relay.stdin.end();
  await once(relay, "exit");
  return took;
}

async function nodeStart(): Promise<number> {
  const began = performance.now();
  await once(spawn(process.execPath, ["-e", "0"], { stdio: "ignore" }), "exit");
  return performance.now() - began;
}

/** Returns resident memory in MiB. Linux only. */
async function residentMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1]) / 1024;
}

async function relayMemory(): Promise<number> {
  const arrived = new Promise<void>((resolve) => {
    onFirstByte = resolve;
  });
  const relay = startRelay();
  relay.stdin.write("x");
  await arrived;
  const memory = await residentMemory(relay.pid);
  relay.stdin.end();
  await once(relay, "exit");
  return memory;
}

async function nodeMemory(): Promise<number> {
  const node = spawn(process.execPath, ["-e", "console.log(1); setInterval(() => {}, 1e6)"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(node.stdout, "data");
  const memory = await residentMemory(node.pid);
  node.kill("SIGKILL");
  await once(node, "exit");
  return memory;
}

/** Alternates the two, so that a busy moment of the machine affects both. */
async function medians(figure: () => Promise<number>, rival: () => Promise<number>, rounds: number) {
  const figures: number[] = [];
  const rivals: number[] = [];
  for (let round = 0; round < rounds; round++) {
    figures.push(await figure());
    rivals.push(await rival());
  }
  return [figures, rivals].map((values) => values.sort((a, b) => a - b)[rounds >> 1] ?? 0) as [number, number];
}

const rows = [];
const [start, bareStart] = await medians(relayStart, nodeStart, ROUNDS);
rows.push({
  figure: "start until the first byte is through, ms",
  relay: start.toFixed(1),
  "bare node": bareStart.toFixed(1),
  ratio: (start / bareStart).toFixed(2),
  aim: "≤ 1.15",
});
if (process.platform === "linux") {
  const [memory, bareMemory] = await medians(relayMemory, nodeMemory, 10);
  rows.push({
    figure: "resident memory, MiB",
    relay: memory.toFixed(1),
    "bare node": bareMemory.toFixed(1),
    ratio: (memory / bareMemory).toFixed(2),
    aim: "≤ 1.20",
  });
}
console.table(rows);
bridge.close();
await rm(folder, { recursive: true });
