/**
 * Runs a host that reads slowly while the model writes a lot, on both transports. Aims: the plugin's memory grows by less than
 * 384 MB, and in the end the host has every character. Exits with 1 otherwise.
 *
 * `node benchmarks/slow-host.ts [megabytes] [seconds of slow reading]`
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { connectPlugin } from "@plexum/plugin-sdk";
import { CodexHome } from "@plexum/real-codex";
import { answer, ScriptedModel, streamedMessage } from "@plexum/scripted-model";
import { configurePlugin } from "./support/built-plugin.ts";

const [MEGABYTES = 150, SECONDS = 30] = process.argv.slice(2).map(Number);
/** codex may be 64 MiB ahead of its reader. V8 needs several times as much for that, since it collects late. */
const MOST_MB = 384;
const SLOW_BYTES_PER_SECOND = 256 * 1024;
const MESSAGE_PIECES = 16;
const PIECE = "x".repeat(64 * 1024);

/** Messages of one megabyte each: codex takes time quadratic in the length of a message. */
const messages = Array.from({ length: MEGABYTES }, () => streamedMessage(Array(MESSAGE_PIECES).fill(PIECE)));

const rows: Record<string, object> = {};
for (const transport of ["app-server", "exec"]) {
  await using model = await ScriptedModel.start(() => answer(messages));
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const folder = await mkdtemp(join(tmpdir(), "slow-host-"));
  const { command, args, env } = await configurePlugin(folder, home.env, { transport });
  const child = spawn(command, args, { env, stdio: ["pipe", "pipe", "inherit"] });
  const pid = child.pid as number;
  let isSlow = false;
  let read = 0;
  async function* slowly() {
    for await (const chunk of child.stdout) {
      read += chunk.length;
      yield chunk;
      if (isSlow) await delay((chunk.length / SLOW_BYTES_PER_SECOND) * 1000);
    }
  }
  const plugin = await connectPlugin({ input: Readable.from(slowly()), output: child.stdin, onLog: () => {} });
  const before = memory(pid, "VmRSS");
  isSlow = true;
  let readSlowly = 0;
  const start = performance.now();
  setTimeout(() => {
    isSlow = false;
    readSlowly = read;
  }, SECONDS * 1000);
  let characters = 0;
  const request = { messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "go" }] }] };
  const agent = { agent_id: "slow", workspace: join(folder, "workspace") };
  for await (const event of plugin.stream({ stream_id: "1", model_id: "", agent, request }))
    if (event.type === "text_delta") characters += event.text.length;
  const most = memory(pid, "VmHWM");
  rows[transport] = {
    written: `${MEGABYTES} MB`,
    "read while slow": `${(readSlowly / 2 ** 20).toFixed(1)} MB in ${SECONDS} s`,
    "all after": `${((performance.now() - start) / 1000).toFixed(0)} s`,
    "memory before": `${before.toFixed(0)} MB`,
    "more at most": `${(most - before).toFixed(0)} MB`,
    aim: `≤ ${MOST_MB} MB`,
  };
  const isWhole = characters === MEGABYTES * MESSAGE_PIECES * PIECE.length;
  if (!isWhole || most - before > MOST_MB) {
    console.log(`${transport}: ${characters} characters, ${(most - before).toFixed(0)} MB more`);
    process.exitCode = 1;
  }
  await plugin.close();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.table(rows);
process.exit();

/** Returns private memory in MB, which is what a process costs: all processes share the program's pages. */
function memory(pid: number, key: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
}
