import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, onTestFinished, test } from "vitest";

const HAMMER = join(import.meta.dirname, "../test/lock-hammer.ts");

function hammer(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", HAMMER, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("while processes acquire the lock and others remove its file, only one holds it at a time", {
  timeout: 120_000,
}, async () => {
  const [takers, rounds, minRemovals] = [4, 400, 10];
  await using folder = await temporaryFolder();
  const lock = join(folder.path, "one.lock");
  const witness = join(folder.path, "witness");
  await writeFile(`${witness}.count`, "0");
  let removals = 0;
  const removers = [1, 2].map(() => hammer("remove", lock));
  for (const remover of removers)
    remover.stdout?.setEncoding("utf8").on("data", (said: string) => {
      removals += said.trim().split("\n").length;
    });
  const ends = await Promise.all(
    Array.from({ length: takers }, async () => {
      const child = hammer("take", lock, witness, String(rounds));
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
      const [exitCode] = await once(child, "close");
      return { exitCode, said };
    }),
  );
  expect(ends).toEqual(Array.from({ length: takers }, () => ({ exitCode: 0, said: "" })));
  expect(await readFile(`${witness}.count`, "utf8")).toBe(String(takers * rounds));
  expect(removals).toBeGreaterThan(minRemovals);
  for (const remover of removers) remover.kill("SIGKILL");
});
