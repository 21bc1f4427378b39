import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startBridge } from "./socket-bridge.ts";
import { socketLeftovers } from "./socket-leftovers.ts";
import { bridgeSocketPath } from "./socket-path.ts";

const HOLDER = fileURLToPath(new URL("../../test/bridge-holder.ts", import.meta.url));
const before = process.env.XDG_RUNTIME_DIR;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sockets: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  process.env.XDG_RUNTIME_DIR = folder.path;
  sockets = join(folder.path, "plexum-mcp");
});

afterEach(async () => {
  if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
  else process.env.XDG_RUNTIME_DIR = before;
  await folder[Symbol.asyncDispose]();
});

async function holder(task: "hold" | "restart"): Promise<ChildProcess> {
  const child = spawn(process.execPath, [HOLDER, task, "alice"], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Those of this test: other directories of this user may hold some too. */
const leftovers = async () => (await socketLeftovers()).filter(({ path }) => path.startsWith(folder.path));

/** Kills a bridge in the middle of its start, the moment that a file of this name is there, until it leaves it. */
async function killedAtStart(name: RegExp): Promise<string> {
  const find = () => readdirSync(sockets).find((found) => name.test(found));
  for (let attempt = 0; attempt < 50; attempt++) {
    const child = await holder("restart");
    for (let look = 0; look < 100_000 && find() === undefined; look++);
    await kill(child);
    const left = find();
    if (left !== undefined) return join(sockets, left);
  }
  throw new Error(`no kill left ${name}`);
}

const minuteAgo = (path: string) => utimes(path, Date.now() / 1000 - 61, Date.now() / 1000 - 61);

describe("a killed bridge's", () => {
  test("socket is found and removed", async () => {
    await kill(await holder("hold"));
    const [found, ...others] = await leftovers();
    expect(found?.path).toBe(bridgeSocketPath("alice"));
    expect(others).toEqual([]);
    expect(await found?.remove()).toBe(true);
    expect(await readdir(sockets)).toEqual([]);
    expect(await found?.remove()).toBe(false);
  });

  test("socket stays if a bridge has started there since", async () => {
    await kill(await holder("hold"));
    const [found] = await leftovers();
    await using bridge = await startBridge({ agentId: "alice", tools: [], callTool: async () => ({ content: [] }) });
    expect(await found?.remove()).toBe(false);
    expect(await readdir(sockets)).toEqual([bridge.socketPath.slice(sockets.length + 1)]);
  });

  test.each([
    ["socket that was not yet in its place", /^\.[0-9a-f]{6}$/],
    ["claim to a place", /^\.[0-9a-f]{12}$/],
  ])("%s is found once it can't be one that starts", async (_name, name) => {
    const left = await killedAtStart(name);
    expect((await leftovers()).map(({ path }) => path)).not.toContain(left);
    await minuteAgo(left);
    const found = (await leftovers()).find(({ path }) => path === left);
    expect(await found?.remove()).toBe(true);
    expect((await leftovers()).map(({ path }) => path)).not.toContain(left);
  });
});

test("the sockets of a bridge that runs, or restarts repeatedly, are left alone", async () => {
  const child = await holder("restart");
  for (let look = 0; look < 300; look++) for (const { remove } of await leftovers()) expect(await remove()).toBe(false);
  // It has never failed to start.
  expect(child.exitCode).toBe(null);
  await kill(child);
});

test("finds nothing without a directory, and no file with another name", async () => {
  expect(await leftovers()).toEqual([]);
  await mkdir(sockets, { mode: 0o700 });
  for (const name of ["notes", ".abc", `${"0".repeat(24)}.sock`]) await writeFile(join(sockets, name), "mine");
  expect(await leftovers()).toEqual([]);
});
