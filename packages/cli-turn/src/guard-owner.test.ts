import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { eventually, sleepers, temporaryFolder, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";

/** A program that starts one marked process and later runs `ending`, in which `release()` ends the turn. */
const owner = (seconds: number, ending: string) => `
  import { spawn } from "node:child_process";
  import { guardOwner } from ${JSON.stringify(import.meta.resolve("./guard-owner.ts"))};
  import { ownerMarker } from ${JSON.stringify(import.meta.resolve("./marker.ts"))};
  const release = guardOwner();
  const env = { ...process.env, MARK: ownerMarker };
  spawn("sleep", ["${seconds}"], { env, stdio: "ignore", detached: true }).on("spawn", () => console.log("ready")).unref();
  process.stdin.once("data", async () => { process.stdin.destroy(); ${ending} });`;

const guardsOf = (pid: number) => childrenOf(pid).filter((child) => read(`/proc/${child}/comm`) === "sh\n");

const childrenOf = (pid: number) =>
  read(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

async function startOwner(ending: string) {
  const seconds = uniqueSeconds();
  const child = spawn(process.execPath, ["--input-type=module", "-e", owner(seconds, ending)], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
    for (const pid of sleepers(seconds)) process.kill(pid, "SIGKILL");
  });
  await once(child.stdout, "data");
  const pid = child.pid as number;
  await eventually("the guard runs", () => guardsOf(pid).length === 1);
  const [guard] = guardsOf(pid) as [number];
  const proceed = () => child.stdin.write("\n");
  return { child, pid, guard, proceed, seconds };
}

const isAlive = (pid: number) => ![undefined, "Z"].includes(read(`/proc/${pid}/stat`).split(") ")[1]?.[0]);

describe("when an owner ends during a turn, its processes are ended", () => {
  test.each<[name: string, ending: string]>([
    ["killed", 'process.kill(process.pid, "SIGKILL")'],
    ["terminated", 'process.kill(process.pid, "SIGTERM")'],
    ["exiting", "process.exit(0)"],
    ["throwing", 'throw new Error("bug")'],
    ["killed after several turns", 'guardOwner()(); guardOwner(); process.kill(process.pid, "SIGKILL")'],
  ])("%s", async (_name, ending) => {
    const { child, proceed, seconds, guard } = await startOwner(ending);
    proceed();
    await once(child, "exit");
    await eventually("its processes have ended", () => sleepers(seconds).length === 0);
    await eventually("the watchdog has ended", () => !isAlive(guard));
  });
});

test("the guard does not keep an owner without open turns running, and ends with it", async () => {
  const { child, proceed, guard, seconds } = await startOwner("release();");
  proceed();
  const [exitCode] = await once(child, "exit");
  expect(exitCode).toBe(0);
  await eventually("the guard has ended", () => !isAlive(guard));
  expect(sleepers(seconds)).toHaveLength(1);
});

test("the next turn replaces a guard that was killed", async () => {
  const { child, pid, proceed, guard, seconds } = await startOwner("guardOwner(); setTimeout(() => {}, 60_000);");
  process.kill(guard, "SIGKILL");
  await eventually("the owner has noticed", () => guardsOf(pid).length === 0);
  proceed();
  await eventually("another guard runs", () => guardsOf(pid).length === 1);
  child.kill("SIGKILL");
  await eventually("its processes have ended", () => sleepers(seconds).length === 0);
});

describe("a bundle", () => {
  /** Runs the guard from a folder with these files only, and returns the codes of the warnings. */
  async function warningsOf(...files: string[]): Promise<string[]> {
    await using folder = await temporaryFolder();
    for (const file of files) await copyFile(join(import.meta.dirname, file), join(folder.path, file));
    const program = `
      import { guardOwner } from "./guard-owner.ts";
      process.on("warning", ({ code, message }) => console.log([code, message].join(" ")));
      process.once("exit", guardOwner());
      guardOwner()();`;
    await writeFile(join(folder.path, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder.path, "main.ts"), program);
    const child = spawn(process.execPath, [join(folder.path, "main.ts")], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = (await text(child.stdout)).trim().split("\n").filter(Boolean);
    for (const line of lines) expect(line).toContain(join(folder.path, "watchdog.ts"));
    return lines.map((line) => line.split(" ")[0] as string);
  }

  test("without the watchdog gives a warning that names the missing file", async () => {
    expect(await warningsOf("guard-owner.ts", "marker.ts")).toEqual(["CLI_TURN_NO_WATCHDOG"]);
  });

  test("with the watchdog gives none", async () => {
    expect(await warningsOf("guard-owner.ts", "marker.ts", "watchdog.ts")).toEqual([]);
  });
});
