import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { readShared } from "./read-shared.ts";

/** A running process. `pid` and `started` together identify it; a pid alone may be reused. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** When it started, in a system-specific format. Use it only for comparison. */
  readonly started: string;
  /** The markers in its environment (see marker.ts), separated by spaces. */
  readonly markers: string;
}

/** Returns the environment of a process as `NAME=value` entries; undefined if it can't be read. Linux only. */
export const environmentOf = (pid: number): string[] | undefined =>
  readShared(`/proc/${pid}/environ`)?.toString("utf8").split("\0");

/** Returns a process's command line, its arguments separated by spaces; undefined if it has ended. Linux only. */
export const commandOf = (pid: number): string | undefined =>
  readShared(`/proc/${pid}/cmdline`)?.toString("utf8").replace(/\0$/, "").replaceAll("\0", " ");

const PS_OPTIONS = { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 } as const;

/** Returns the command lines of the machine's processes; undefined if they can't be listed. */
export function commandLines(): string[] | undefined {
  if (process.platform === "win32") return undefined;
  try {
    if (process.platform === "linux") return readdirSync("/proc").flatMap((name) => commandOf(Number(name)) ?? []);
    return execFileSync("/bin/ps", ["-axww", "-o", "command="], PS_OPTIONS).split("\n");
  } catch {
    return undefined;
  }
}

export const identity = ({ pid, started }: RunningProcess) => `${pid}@${started}`;

/** Returns the processes with a marker, the known ones, and all their descendants. Never includes this process. */
export function familyOf(
  processes: readonly RunningProcess[],
  marker: string,
  known: ReadonlySet<string>,
): RunningProcess[] {
  const members = new Set<number>();
  const children = new Map<number, RunningProcess[]>();
  for (const candidate of processes) {
    const siblings = children.get(candidate.parent);
    if (siblings === undefined) children.set(candidate.parent, [candidate]);
    else siblings.push(candidate);
  }
  const pending = processes.filter((candidate) => candidate.markers.includes(marker) || known.has(identity(candidate)));
  for (let candidate = pending.pop(); candidate !== undefined; candidate = pending.pop()) {
    if (members.has(candidate.pid) || candidate.pid === process.pid) continue;
    members.add(candidate.pid);
    pending.push(...(children.get(candidate.pid) ?? []));
  }
  return processes.filter((candidate) => members.has(candidate.pid));
}
