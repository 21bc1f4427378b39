import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { eventually, sleepers, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { ProcessFamily } from "./process-family.ts";
import { familyOf, type RunningProcess } from "./processes.ts";

/** A shell that carries a marker, and what it starts. */
function marked(marker: string, script: string): ChildProcess {
  const child = spawn("/bin/sh", ["-c", script], { env: { ...process.env, MARK: marker }, stdio: "ignore" });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

function cleanUp(seconds: number): void {
  onTestFinished(() => {
    for (const pid of sleepers(seconds)) process.kill(pid, "SIGKILL");
  });
}

const running = (seconds: number, count: number) =>
  eventually(`${count} processes run`, () => sleepers(seconds).length >= count);

describe("a family of real processes", () => {
  test.each([
    ["in the foreground", 1, (s: number) => `sleep ${s}; :`],
    ["in the background", 1, (s: number) => `sleep ${s} & wait`],
    ["in a session of its own", 1, (s: number) => `setsid sleep ${s} & wait`],
    ["forked twice, its parent gone", 1, (s: number) => `(setsid sleep ${s} &); exec sleep 0.01`],
    ["without the environment", 1, (s: number) => `env -i sleep ${s} & wait`],
    ["deaf to SIGINT and SIGTERM", 2, (s: number) => `trap '' INT TERM; sleep ${s} & sleep ${s}; :`],
    ["started anew as it ends", 1, (s: number) => `trap '' INT TERM; while :; do sleep ${s}; done`],
    ["growing", 3, (s: number) => `trap '' INT TERM; while :; do setsid sleep ${s} & sleep 0.02; done`],
    ["stopped", 1, (s: number) => `sleep ${s} & sleep 0.1; kill -STOP $!; wait`],
  ])("%s: ended", async (_name, count, script) => {
    const [marker, seconds] = [randomUUID(), uniqueSeconds()];
    cleanUp(seconds);
    marked(marker, script(seconds));
    await running(seconds, count);
    await new ProcessFamily(marker).end({ interruptMs: 50, terminateMs: 50 });
    expect(sleepers(seconds)).toEqual([]);
    expect(new ProcessFamily(marker).look()).toEqual([]);
  });

  test("one that cleared its environment is remembered after its parent is gone", async () => {
    const [marker, seconds] = [randomUUID(), uniqueSeconds()];
    cleanUp(seconds);
    const shell = marked(marker, `env -i sleep ${seconds} & wait`);
    await running(seconds, 1);
    const family = new ProcessFamily(marker);
    family.look();
    shell.kill("SIGKILL");
    await once(shell, "exit");
    expect(new ProcessFamily(marker).look()).toEqual([]);
    expect(await family.endRest(50)).toBe(1);
    expect(sleepers(seconds)).toEqual([]);
  });

  test("others live on: without the marker, with another, and our own children", async () => {
    const [marker, seconds, others] = [randomUUID(), uniqueSeconds(), uniqueSeconds()];
    cleanUp(seconds);
    cleanUp(others);
    marked(marker, `sleep ${seconds}; :`);
    marked(randomUUID(), `sleep ${others}; :`);
    marked("", `exec sleep ${others}`);
    await running(seconds, 1);
    await running(others, 2);
    await new ProcessFamily(marker).end({ interruptMs: 50, terminateMs: 50 });
    expect(sleepers(seconds)).toEqual([]);
    expect(sleepers(others)).toHaveLength(2);
  });

  test("a process that is itself marked ends its children and not itself", async () => {
    const [marker, seconds] = [randomUUID(), uniqueSeconds()];
    cleanUp(seconds);
    const program = `
      import { spawn } from "node:child_process";
      import { ProcessFamily } from ${JSON.stringify(import.meta.resolve("./process-family.ts"))};
      spawn("sleep", ["${seconds}"], { stdio: "ignore" });
      await new ProcessFamily("${marker}").end();
      console.log("still here");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      env: { ...process.env, MARK: marker },
      stdio: ["ignore", "pipe", "inherit"],
    });
    expect(await text(child.stdout)).toBe("still here\n");
    expect(sleepers(seconds)).toEqual([]);
  });

  test("no family, nothing to do", async () => {
    expect(await new ProcessFamily(randomUUID()).endRest(50)).toBe(0);
  });
});

describe("who belongs to a family", () => {
  const one = (pid: number, parent: number, more: Partial<RunningProcess> = {}): RunningProcess => ({
    pid,
    parent,
    started: "100",
    isMarked: false,
    ...more,
  });
  const pids = (processes: RunningProcess[], known: string[] = []) =>
    familyOf(processes, new Set(known)).map(({ pid }) => pid);

  const FAR = 5_000_000;

  test("the marked and all their descendants, in whatever order the system lists them", () => {
    const table = [one(FAR + 4, FAR + 3), one(FAR + 3, FAR + 2), one(FAR + 2, 1, { isMarked: true }), one(FAR + 9, 1)];
    expect(pids(table)).toEqual([FAR + 4, FAR + 3, FAR + 2]);
  });

  test("one known by its pid and start; not another that was given the same pid later", () => {
    expect(pids([one(FAR, 1)], [`${FAR}@100`])).toEqual([FAR]);
    expect(pids([one(FAR, 1, { started: "200" })], [`${FAR}@100`])).toEqual([]);
  });

  test("never this process, even when it is marked or descends from one that is", () => {
    const table = [
      one(FAR, 1, { isMarked: true }),
      one(process.pid, FAR, { isMarked: true }),
      one(FAR + 1, process.pid),
    ];
    expect(pids(table)).toEqual([FAR]);
  });
});
