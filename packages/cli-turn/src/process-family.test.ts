import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { eventually, sleepers, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { newTurnMarker } from "./marker.ts";
import { ProcessFamily } from "./process-family.ts";
import { familyOf, type RunningProcess } from "./processes.ts";

/** Starts a shell that carries a marker and runs a script. */
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
    ["in its own session", 1, (s: number) => `setsid sleep ${s} & wait`],
    ["double-forked, without its parent", 1, (s: number) => `(setsid sleep ${s} &); exec sleep 0.01`],
    ["with a cleared environment", 1, (s: number) => `env -i sleep ${s} & wait`],
    ["ignoring SIGINT and SIGTERM", 2, (s: number) => `trap '' INT TERM; sleep ${s} & sleep ${s}; :`],
    ["restarted each time it ends", 1, (s: number) => `trap '' INT TERM; while :; do sleep ${s}; done`],
    ["multiplying", 3, (s: number) => `trap '' INT TERM; while :; do setsid sleep ${s} & sleep 0.02; done`],
    ["stopped by SIGSTOP", 1, (s: number) => `sleep ${s} & sleep 0.1; kill -STOP $!; wait`],
  ])("ends a process %s", async (_name, count, script) => {
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
    cleanUp(seconds);
    marked(marker, script(seconds));
    await running(seconds, count);
    await new ProcessFamily(marker).end({ interruptMs: 50, terminateMs: 50 });
    expect(sleepers(seconds)).toEqual([]);
    expect(await new ProcessFamily(marker).findMembers()).toEqual([]);
  });

  test("remembers a process that cleared its environment after its parent has ended", async () => {
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
    cleanUp(seconds);
    const shell = marked(marker, `env -i sleep ${seconds} & wait`);
    await running(seconds, 1);
    const family = new ProcessFamily(marker);
    await family.findMembers();
    shell.kill("SIGKILL");
    await once(shell, "exit");
    expect(await new ProcessFamily(marker).findMembers()).toEqual([]);
    expect(await family.endRest(50)).toBe(1);
    expect(sleepers(seconds)).toEqual([]);
  });

  test("leaves other processes alone: without the marker, with another marker, and our own children", async () => {
    const [marker, seconds, others] = [newTurnMarker(), uniqueSeconds(), uniqueSeconds()];
    cleanUp(seconds);
    cleanUp(others);
    marked(marker, `sleep ${seconds}; :`);
    marked(newTurnMarker(), `sleep ${others}; :`);
    marked("", `exec sleep ${others}`);
    await running(seconds, 1);
    await running(others, 2);
    await new ProcessFamily(marker).end({ interruptMs: 50, terminateMs: 50 });
    expect(sleepers(seconds)).toEqual([]);
    expect(sleepers(others)).toHaveLength(2);
  });

  test("a marked process that ends its family does not end itself", async () => {
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
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

  test("an empty family needs no action", async () => {
    expect(await new ProcessFamily(newTurnMarker()).endRest(50)).toBe(0);
  });
});

describe("membership in a family", () => {
  const entry = (pid: number, parent: number, more: Partial<RunningProcess> = {}): RunningProcess => ({
    pid,
    parent,
    started: "100",
    markers: "",
    ...more,
  });
  const pids = (processes: RunningProcess[], known: string[] = []) =>
    familyOf(processes, MARKER, new Set(known)).map(({ pid }) => pid);

  const MARKER = newTurnMarker();
  const FAR = 5_000_000;

  test("includes the marked processes and all their descendants, in any order of the process table", () => {
    const table = [
      entry(FAR + 4, FAR + 3),
      entry(FAR + 3, FAR + 2),
      entry(FAR + 2, 1, { markers: MARKER }),
      entry(FAR + 9, 1),
    ];
    expect(pids(table)).toEqual([FAR + 4, FAR + 3, FAR + 2]);
  });

  test("includes a known process by pid and start time, but not another one with the same pid", () => {
    expect(pids([entry(FAR, 1)], [`${FAR}@100`])).toEqual([FAR]);
    expect(pids([entry(FAR, 1, { started: "200" })], [`${FAR}@100`])).toEqual([]);
  });

  test("never includes this process, even if it or an ancestor is marked", () => {
    const table = [
      entry(FAR, 1, { markers: MARKER }),
      entry(process.pid, FAR, { markers: MARKER }),
      entry(FAR + 1, process.pid),
    ];
    expect(pids(table)).toEqual([FAR]);
  });
});
