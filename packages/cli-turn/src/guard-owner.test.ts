import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { eventually, sleepers, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";

/** A program with one marked process, in which `turnIsOver` ends the turn; `ending` is how the program goes on. */
const owner = (seconds: number, ending: string) => `
  import { spawn } from "node:child_process";
  import { guardOwner } from ${JSON.stringify(import.meta.resolve("./guard-owner.ts"))};
  import { ownerMarker } from ${JSON.stringify(import.meta.resolve("./marker.ts"))};
  const turnIsOver = guardOwner();
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
  await eventually("the guard stands by", () => guardsOf(pid).length === 1);
  const [guard] = guardsOf(pid) as [number];
  const goOn = () => child.stdin.write("\n");
  return { child, pid, guard, goOn, seconds };
}

const isAlive = (pid: number) => ![undefined, "Z"].includes(read(`/proc/${pid}/stat`).split(") ")[1]?.[0]);

describe("an owner that ends within a turn: what it started ends", () => {
  test.each<[name: string, ending: string]>([
    ["killed", 'process.kill(process.pid, "SIGKILL")'],
    ["terminated", 'process.kill(process.pid, "SIGTERM")'],
    ["leaving", "process.exit(0)"],
    ["failing", 'throw new Error("bug")'],
    ["having run several turns", 'guardOwner()(); guardOwner(); process.kill(process.pid, "SIGKILL")'],
  ])("%s", async (_name, ending) => {
    const { child, goOn, seconds, guard } = await startOwner(ending);
    goOn();
    await once(child, "exit");
    await eventually("what it started has ended", () => sleepers(seconds).length === 0);
    await eventually("the watchdog has ended", () => !isAlive(guard));
  });
});

test("an owner that ends after its turns is not kept running by its guard, which goes with it", async () => {
  const { child, goOn, guard, seconds } = await startOwner("turnIsOver();");
  goOn();
  const [exitCode] = await once(child, "exit");
  expect(exitCode).toBe(0);
  await eventually("the guard has ended", () => !isAlive(guard));
  expect(sleepers(seconds)).toHaveLength(1);
});

test("a guard that was ended is replaced by the next turn", async () => {
  const { child, pid, goOn, guard, seconds } = await startOwner("guardOwner(); setTimeout(() => {}, 60_000);");
  process.kill(guard, "SIGKILL");
  await eventually("the owner has taken note", () => guardsOf(pid).length === 0);
  goOn();
  await eventually("another guard stands by", () => guardsOf(pid).length === 1);
  child.kill("SIGKILL");
  await eventually("what it started has ended", () => sleepers(seconds).length === 0);
});
