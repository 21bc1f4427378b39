import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it, onTestFinished } from "vitest";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { mutationLeftovers } from "./mutation-leftovers.ts";

const NAME = "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl";
const calls = sampleCalls(6, 3_000);
const ids = calls.map((call) => call.callId).join(",");
const original = sampleRollout(calls, 300);

async function homeWithRollout() {
  const folder = await temporaryFolder();
  const rollout = join(folder.path, "sessions", "2026", "01", "02", NAME);
  await mkdir(dirname(rollout), { recursive: true });
  await writeFile(rollout, original);
  return { codexHome: folder.path, rollout, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const CHILD = fileURLToPath(new URL("../testing/mutating-child.ts", import.meta.url));

async function mutator(rollout: string) {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD, rollout, ids], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

const sidecarsIn = async (folder: string) => (await readdir(folder)).filter((name) => name.startsWith("."));

/** Kills mutations as soon as a file of this kind exists, until one of them leaves the file behind. */
async function killedMutation(rollout: string, kind: string): Promise<string[]> {
  const hasOne = () => readdirSync(dirname(rollout)).some((name) => name.endsWith(kind));
  for (let attempt = 0; attempt < 100; attempt++) {
    const child = await mutator(rollout);
    for (let look = 0; look < 100_000 && !hasOne(); look++);
    child.kill("SIGKILL");
    await once(child, "exit");
    if (hasOne()) return sidecarsIn(dirname(rollout));
  }
  throw new Error(`no kill left a ${kind}`);
}

const isWhole = (text: string) => {
  const outputs = text.split("\n").filter((line) => line.includes("function_call_output"));
  const kinds = new Set(outputs.map((line) => /"output":"(.{8})/.exec(line)?.[1]?.replace(/^\d /, "# ")));
  return outputs.length === calls.length && kinds.size === 1;
};

describe("the leftovers of a killed mutation", () => {
  it("are found, and a repair finishes the mutation and removes them", { timeout: 120_000 }, async () => {
    await using home = await homeWithRollout();
    const left = await killedMutation(home.rollout, ".redo");
    const found = await mutationLeftovers(home);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ rollout: home.rollout });
    expect(found[0]?.files.map((path) => path.slice(dirname(home.rollout).length + 1)).sort()).toEqual(
      left.filter((name) => !name.endsWith("-draft")).sort(),
    );
    expect(["replayed", "dropped"]).toContain(await found[0]?.repair());
    expect(await mutationLeftovers(home)).toEqual([]);
    expect((await sidecarsIn(dirname(home.rollout))).filter((name) => !name.endsWith("-draft"))).toEqual([]);
    expect(isWhole(await readFile(home.rollout, "utf8"))).toBe(true);
  });

  it("may be only a lock", { timeout: 120_000 }, async () => {
    await using home = await homeWithRollout();
    await killedMutation(home.rollout, ".lock");
    for (const leftover of await mutationLeftovers(home)) await leftover.repair();
    expect(await mutationLeftovers(home)).toEqual([]);
  });

  it("are found if codex has archived the rollout since", { timeout: 120_000 }, async () => {
    await using home = await homeWithRollout();
    await killedMutation(home.rollout, ".redo");
    const archived = join(home.codexHome, "archived_sessions", NAME);
    await mkdir(dirname(archived));
    await rename(home.rollout, archived);
    const [found] = await mutationLeftovers(home);
    expect(found?.rollout).toBe(archived);
    await found?.repair();
    expect(await mutationLeftovers(home)).toEqual([]);
    expect(isWhole(await readFile(archived, "utf8"))).toBe(true);
  });

  it("are removed if the rollout no longer exists", { timeout: 120_000 }, async () => {
    await using home = await homeWithRollout();
    await killedMutation(home.rollout, ".redo");
    await rm(home.rollout);
    const [found] = await mutationLeftovers(home);
    expect(found).toMatchObject({ rollout: undefined });
    expect(await found?.repair()).toBe("dropped");
    expect(await mutationLeftovers(home)).toEqual([]);
  });

  it("are repaired if the rollout exists again after it was missing", { timeout: 120_000 }, async () => {
    await using home = await homeWithRollout();
    await killedMutation(home.rollout, ".redo");
    await rename(home.rollout, join(home.codexHome, "aside"));
    const [found] = await mutationLeftovers(home);
    await rename(join(home.codexHome, "aside"), home.rollout);
    await found?.repair();
    expect(await mutationLeftovers(home)).toEqual([]);
    expect(isWhole(await readFile(home.rollout, "utf8"))).toBe(true);
  });
});

it("leaves a running mutation alone", async () => {
  await using home = await homeWithRollout();
  const child = await mutator(home.rollout);
  const seen = new Set<string>();
  // On a busy machine the mutation may not get to its journal within 300 looks.
  for (let look = 0; look < 300 || (look < 20_000 && !seen.has("redo")); look++) {
    for (const name of await sidecarsIn(dirname(home.rollout))) seen.add(name.replace(/.*\./, ""));
    for (const leftover of await mutationLeftovers(home)) {
      // The mutation may have ended at this moment. Then there is nothing to repair, and trying does no harm.
      await leftover.repair().catch((error: { code?: string }) => expect(error.code).toBe("busy"));
    }
  }
  expect(seen).toContain("redo");
  expect(child.exitCode).toBe(null);
  child.kill("SIGKILL");
  await once(child, "exit");
});

it("removes a leftover draft after a minute", async () => {
  await using home = await homeWithRollout();
  const draft = join(dirname(home.rollout), ".plexum-0123456789abcdef.lock-01234567-89ab-cdef-0123-456789abcdef-draft");
  await writeFile(draft, "{");
  expect(await mutationLeftovers(home)).toEqual([]);
  await utimes(draft, 0, 0);
  const [found] = await mutationLeftovers(home);
  expect(found).toMatchObject({ rollout: undefined, files: [draft] });
  expect(await found?.repair()).toBe("clean");
  expect(await readdir(dirname(home.rollout))).toEqual([NAME]);
});

it("finds nothing in an empty home, or in files with other names", async () => {
  await using folder = await temporaryFolder();
  expect(await mutationLeftovers({ codexHome: folder.path })).toEqual([]);
  await mkdir(join(folder.path, "archived_sessions"));
  await writeFile(join(folder.path, "archived_sessions", ".plexum-notes.redo"), "mine");
  expect(await mutationLeftovers({ codexHome: folder.path })).toEqual([]);
});
