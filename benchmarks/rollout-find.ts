/** Compares finding one thread among 100,000 rollouts with a walk over all of them, and with listing every directory. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRollout } from "@plexum/rollout";

const COUNT = 100_000;
const DAYS = 500;
const START = Date.UTC(2025, 5, 1);
const codexHome = await mkdtemp(join(tmpdir(), "rollout-benchmark-"));
try {
  const ids: string[] = [];
  for (let day = 0; day < DAYS; day++) {
    const date = new Date(START + day * 86_400_000);
    const folder = join(codexHome, "sessions", ...date.toISOString().slice(0, 10).split("-"));
    mkdirSync(folder, { recursive: true });
    for (let number = 0; number < COUNT / DAYS; number++) {
      const id = uuidV7(date.getTime() + number * 60_000, ids.length);
      ids.push(id);
      const name = `rollout-${date.toISOString().slice(0, 10)}T00-00-00-${id}.jsonl`;
      writeFileSync(join(folder, name), `{"type":"session_meta","payload":{"id":"${id}"}}\n`);
    }
  }
  const wanted = Array.from({ length: 200 }, (_, index) => ids[(index * 7919) % COUNT] ?? "");
  const ours = [];
  for (const id of wanted) {
    const start = performance.now();
    if ((await findRollout(id, { codexHome }))?.threadId !== id) throw new Error("not found");
    ours.push(performance.now() - start);
  }
  const found = ours.sort((a, b) => a - b)[100] ?? 0;
  const walk = timed(() => walkAll(true));
  const names = timed(() => walkAll(false));
  const row = (way: string, ms: number) => ({
    way,
    ms: Number(ms.toPrecision(3)),
    "times ours": Math.round(ms / found),
  });
  console.table([
    row("findRollout, median", found),
    row("full walk, first line of each", walk),
    row("all names only", names),
    { way: "aim: full walk", ms: "", "times ours": "≥ 1000" },
  ]);
} finally {
  await rm(codexHome, { recursive: true, force: true });
}

function walkAll(read: boolean): void {
  for (const name of readdirSync(codexHome, { recursive: true, encoding: "utf8" }))
    if (read && name.endsWith(".jsonl"))
      JSON.parse(readFileSync(join(codexHome, name), "utf8").split("\n", 1)[0] ?? "");
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

function uuidV7(time: number, number: number): string {
  const hex = time.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${number.toString(16).padStart(12, "0")}`;
}
