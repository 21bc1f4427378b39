import { execFile } from "node:child_process";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import { markersIn } from "./marker.ts";
import { ProcTable, type ScanStep } from "./proc-table.ts";
import type { RunningProcess } from "./processes.ts";
import { SharedWork } from "./shared-work.ts";

/** How long a scan may block the event loop, in milliseconds. */
const SLICE_MS = 3;

const table = new ProcTable();
const scans = new SharedWork(scan);

/**
 * Lists the machine's running processes without zombies, as they are at some moment after the call. Calls that wait at the same
 * time share one scan.
 *
 * Reads /proc on Linux and runs `ps` elsewhere. On macOS `ps` hides the environment of the system's own programs, which are
 * then recognized only by their parents. Returns an empty list on Windows, and if the system does not allow listing.
 */
export const scanProcesses = (): Promise<readonly RunningProcess[]> => scans.next();

/** Lists the running processes synchronously. Linux only. */
export function scanProcessesNow(): readonly RunningProcess[] {
  const steps = new ProcTable().scan();
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

async function scan(): Promise<readonly RunningProcess[]> {
  if (process.platform === "linux") return inSlices(table.scan());
  return process.platform === "win32" ? [] : fromPs();
}

/** Runs the steps of a scan, and lets the event loop continue after each slice. */
export async function inSlices<T>(steps: Generator<ScanStep, T>): Promise<T> {
  for (let start = performance.now(); ; ) {
    const { done, value } = steps.next();
    if (done === true) return value;
    if (value === "step" && performance.now() - start < SLICE_MS) continue;
    await (value === "wait" ? delay(1) : setImmediate());
    start = performance.now();
  }
}

async function fromPs(): Promise<RunningProcess[]> {
  const columns = "pid=,ppid=,stat=,lstart=,command=";
  const options = { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 } as const;
  const listing = await promisify(execFile)("/bin/ps", ["-axEww", "-o", columns], options).catch(() => ({
    stdout: "",
  }));
  return listing.stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state, started, command] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w{3} .{20})\s(.*)$/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), started: started ?? "", markers: markersIn(command ?? "") }];
  });
}
