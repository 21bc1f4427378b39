import { readdirSync, readFileSync } from "node:fs";
import { answer, say, shell } from "@plexum/scripted-model";
import { newestCodex } from "@plexum/real-codex";
import { Harness, turn } from "./harness.ts";
const N = Number(process.argv[2] ?? 500);
await using harness = await Harness.create({ codex: { ...newestCodex, transport: "app-server" }, script: (r) => say("done") });
const plugin = await harness.plugin();
const kb = (pid: number, key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
const holds = (pid: number) => `rss ${(kb(pid, "Rss") / 1024).toFixed(0)} priv ${((kb(pid, "Private_Dirty") + kb(pid, "Private_Clean")) / 1024).toFixed(0)} fds ${readdirSync(`/proc/${pid}/fd`).length}`;
let times: number[] = [];
let pids = new Set<number>();
// A fresh thread each 50 turns would hide nothing of the process; the thread file is removed so that its length does not count.
for (let i = 1; i <= N; i++) {
  const at = performance.now();
  const seen = await turn(plugin, harness.request("go"));
  if (seen.text !== "done") throw new Error(JSON.stringify(seen));
  times.push(performance.now() - at);
  for (const l of harness.logs) if (typeof l.fields?.pid === "number") pids.add(l.fields.pid as number);
  harness.logs.length = 0;
  harness.model.requests.length = 0;
  if (i % 250 === 0 || i === 1) {
    const pid = [...pids].at(-1) as number;
    times.sort((a, b) => a - b);
    console.log(i, "codex", holds(pid), "plugin", holds(plugin.pid as number), "median turn", times[times.length >> 1]?.toFixed(0), "processes", pids.size);
    times = [];
    const { rmSync } = await import("node:fs");
    rmSync(harness.workspace + "/.plexum-codex-session", { force: true });
  }
}
process.exit(0);
