import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually, sleepers, temporaryFolder, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { newTurnMarker } from "./marker.ts";
import { ProcTable, type ScanStep } from "./proc-table.ts";
import type { RunningProcess } from "./processes.ts";
import { inSlices } from "./scan-processes.ts";

function atOnce<T>(steps: Generator<ScanStep, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Starts a shell, with the marker in its environment if one is given. Its stdin stays open. */
function shell(args: readonly string[], marker?: string) {
  const env = marker === undefined ? process.env : { ...process.env, MARK: marker };
  const child = spawn("/bin/sh", ["-c", ...args], { env, stdio: ["pipe", "ignore", "ignore"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return { child, pid: child.pid as number, proceed: (line = "") => child.stdin.write(`${line}\n`) };
}

const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[0];

describe("the markers of real processes that one table has already seen", () => {
  const table = new ProcTable();
  const markersOf = (pid: number) => atOnce(table.scan()).find((found) => found.pid === pid)?.markers;

  test("a process that executes a program with a marker has it", async () => {
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
    const { pid, proceed } = shell([`read -r line; exec env MARK=${marker} sleep ${seconds}`]);
    await eventually("the shell runs", () => commandOf(pid) === "/bin/sh");
    expect([markersOf(pid), markersOf(pid)]).toEqual(["", ""]);
    proceed();
    await eventually("the program runs", () => sleepers(seconds).includes(pid));
    expect(markersOf(pid)).toBe(marker);
  });

  test("a process that executes a program with another environment has no marker any longer", async () => {
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
    const { pid, proceed } = shell([`read -r line; exec env -i A=1 sleep ${seconds}`], marker);
    await eventually("the shell runs", () => markersOf(pid) === marker);
    expect(markersOf(pid)).toBe(marker);
    proceed();
    await eventually("the program runs", () => sleepers(seconds).includes(pid));
    expect(markersOf(pid)).toBe("");
  });

  test("a process that executes the same program again, with a marker of the same length, has the new one", async () => {
    const again = 'read -r MARK; export MARK; exec sh -c "$0" "$0"';
    const { pid, proceed } = shell([again, again], newTurnMarker());
    for (let round = 0; round < 20; round++) {
      const marker = newTurnMarker();
      proceed(marker);
      await eventually("the shell has executed itself", () => markersOf(pid) === marker);
      expect(markersOf(pid)).toBe(marker);
    }
  });

  test("a fork has its parent's markers, without its parent too, until it executes a program without them", async () => {
    await using folder = await temporaryFolder();
    const go = join(folder.path, "go");
    const [marker, seconds] = [newTurnMarker(), uniqueSeconds()];
    onTestFinished(() => {
      for (const pid of sleepers(seconds)) process.kill(pid, "SIGKILL");
    });
    // The fork runs the shell's loop before it executes anything. Its parent ends at once.
    const fork = `(while [ ! -e ${go} ]; do sleep 0.01; done; exec env -i A=1 sleep ${seconds}) & exit 0`;
    const { child, pid } = shell([fork], marker);
    await once(child, "exit");
    const orphans = () =>
      atOnce(table.scan()).filter((found) => found.markers === marker && found.pid !== pid && isShell(found));
    await eventually("the fork is found", () => orphans().length === 1);
    const [orphan] = orphans() as [RunningProcess];
    expect(orphan.parent).not.toBe(pid);
    expect(markersOf(orphan.pid)).toBe(marker);
    await writeFile(go, "");
    await eventually("the program runs", () => sleepers(seconds).includes(orphan.pid));
    expect(markersOf(orphan.pid)).toBe("");
  });

  const isShell = ({ pid }: RunningProcess) => {
    try {
      return commandOf(pid) === "/bin/sh";
    } catch {
      return false;
    }
  };
});

describe("a process table in a folder", () => {
  const RANDOM = 0x00400000;

  interface Fields {
    readonly started?: number;
    readonly flags?: number;
    readonly code?: number;
    readonly environment?: readonly [start: number, end: number];
    readonly state?: string;
  }

  async function writeProcess(root: string, pid: number, environ: string, fields: Fields = {}) {
    const { started = 100, flags = RANDOM, code = 4096, environment = [8192, 9000], state = "S" } = fields;
    const numbers = Array.from({ length: 53 }, () => "0");
    const set = (field: number, value: string | number) => {
      numbers[field] = String(value);
    };
    set(3, state);
    set(4, 1);
    set(9, flags);
    set(22, started);
    set(26, code);
    set(50, environment[0]);
    set(51, environment[1]);
    await mkdir(join(root, `${pid}`), { recursive: true });
    await writeFile(join(root, `${pid}`, "stat"), `${pid} (a ) b) ${numbers.slice(3).join(" ")}\n`);
    await writeFile(join(root, `${pid}`, "environ"), environ);
  }

  const [one, other] = [newTurnMarker(), newTurnMarker()];
  const markers = (table: ProcTable) => atOnce(table.scan()).map((found) => found.markers);

  test("an environment is read once for the same program", async () => {
    await using folder = await temporaryFolder();
    const table = new ProcTable(folder.path);
    await writeProcess(folder.path, 7, `A=1\0MARK=${one}\0`);
    expect(markers(table)).toEqual([one]);
    await writeProcess(folder.path, 7, "overwritten, as by setproctitle");
    expect(markers(table)).toEqual([one]);
  });

  test.each<[string, Fields]>([
    ["whose pid belongs to another process now", { started: 101 }],
    ["whose program is at another address", { code: 8192 }],
    ["whose environment is at another address", { environment: [8208, 9000] }],
    ["whose environment has another length", { environment: [8192, 9001] }],
  ])("the environment of a process %s is read again", async (_name, fields) => {
    await using folder = await temporaryFolder();
    const table = new ProcTable(folder.path);
    await writeProcess(folder.path, 7, `MARK=${one}\0`);
    expect(markers(table)).toEqual([one]);
    await writeProcess(folder.path, 7, `MARK=${other}\0`, fields);
    expect(markers(table)).toEqual([other]);
  });

  test.each<[string, Fields]>([
    ["with a program at fixed addresses", { flags: 0 }],
    ["on a system that hides the addresses", { environment: [0, 0] }],
  ])("the environment of a process %s is read each time", async (_name, fields) => {
    await using folder = await temporaryFolder();
    const table = new ProcTable(folder.path);
    await writeProcess(folder.path, 7, `MARK=${one}\0`, fields);
    expect(markers(table)).toEqual([one]);
    await writeProcess(folder.path, 7, `MARK=${other}\0`, fields);
    expect(markers(table)).toEqual([other]);
  });

  test.each<[string, Fields]>([
    ["since before the scan", { environment: [0, 0] }],
    ["since it was listed", {}],
  ])("a process that has been executing a program %s is waited for", async (_name, fields) => {
    await using folder = await temporaryFolder();
    const table = new ProcTable(folder.path);
    await writeProcess(folder.path, 7, "", fields);
    const steps = table.scan();
    let waits = 0;
    for (;;) {
      const { done, value } = steps.next();
      if (done === true) {
        expect(value.map((found) => found.markers)).toEqual([one]);
        break;
      }
      if (value === "wait" && ++waits === 3) await writeProcess(folder.path, 7, `MARK=${one}\0`);
    }
    expect(waits).toBe(3);
    expect(markers(table)).toEqual([one]);
  });

  test("a process that never gets an environment, and one that has an empty one, do not hold up the scan", async () => {
    await using folder = await temporaryFolder();
    await writeProcess(folder.path, 7, "", { environment: [0, 0] });
    await writeProcess(folder.path, 8, "", { environment: [8192, 8192] });
    await writeProcess(folder.path, 9, "", { environment: [0, 0], state: "Z" });
    const found = await inSlices(new ProcTable(folder.path).scan());
    expect(found.map(({ pid, markers }) => [pid, markers])).toEqual([
      [8, ""],
      [7, ""],
    ]);
  });

  test("an environment full of markers is read each time, and all of them are found", async () => {
    await using folder = await temporaryFolder();
    const table = new ProcTable(folder.path);
    const many = Array.from({ length: 1000 }, newTurnMarker);
    await writeProcess(folder.path, 7, many.join("\0"));
    expect(markers(table)).toEqual([many.join(" ")]);
    await writeProcess(folder.path, 7, one);
    expect(markers(table)).toEqual([one]);
  });

  test("other work runs during the scan of a large table", async () => {
    await using folder = await temporaryFolder();
    for (let pid = 1; pid <= 1000; pid++) await writeProcess(folder.path, pid, `MARK=${one}\0`);
    let isScanning = true;
    let turns = 0;
    const other = () => {
      turns++;
      if (isScanning) setImmediate(other);
    };
    setImmediate(other);
    const found = await inSlices(new ProcTable(folder.path).scan());
    isScanning = false;
    expect(found).toHaveLength(1000);
    expect(turns).toBeGreaterThan(2);
  });
});
