import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";

/** A running process. `pid` and `started` together identify it; a pid alone may be reused. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** When it started, in a system-specific format. Use it only for comparison. */
  readonly started: string;
  /** True if the process has the requested marker in its environment. */
  readonly isMarked: boolean;
}

/**
 * Lists the machine's running processes without zombies, and whether each carries a marker (see marker.ts).
 *
 * Reads /proc on Linux and runs `ps` elsewhere. On macOS `ps` hides the environment of the system's own programs, which are
 * then recognized only by their parents. Returns an empty list on Windows, and if the system does not allow listing.
 */
export function listProcesses(marker: string): RunningProcess[] {
  if (process.platform === "linux") return fromProc(marker);
  if (process.platform === "win32") return [];
  return fromPs(marker);
}

/** Returns the environment of a process as `NAME=value` entries; undefined if it can't be read. Linux only. */
export const environmentOf = (pid: number): string[] | undefined =>
  read(`/proc/${pid}/environ`)?.toString("utf8").split("\0");

/** Returns a process's command line, its arguments separated by spaces; undefined if it has ended. Linux only. */
export const commandOf = (pid: number): string | undefined =>
  read(`/proc/${pid}/cmdline`)?.toString("utf8").replace(/\0$/, "").replaceAll("\0", " ");

/** Returns the command lines of the machine's processes; undefined if they can't be listed. */
export function commandLines(): string[] | undefined {
  if (process.platform === "win32") return undefined;
  if (process.platform === "linux") return entriesOf("/proc").flatMap((name) => commandOf(Number(name)) ?? []);
  try {
    return execFileSync("/bin/ps", ["-axww", "-o", "command="], PS_OPTIONS).split("\n");
  } catch {
    return undefined;
  }
}

/** The flag of the kernel's own threads, which have no environment. */
const PF_KTHREAD = 0x00200000;

function fromProc(marker: string): RunningProcess[] {
  const processes: RunningProcess[] = [];
  for (const name of entriesOf("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = read(`/proc/${name}/stat`)?.toString("latin1");
    if (stat === undefined) continue;
    // The program's name is in parentheses and may itself contain spaces and parentheses.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") continue;
    const isKernelThread = (Number(rest[4]) & PF_KTHREAD) !== 0;
    processes.push({
      pid,
      parent: Number(parent),
      started: rest[17] ?? "",
      isMarked: !isKernelThread && (read(`/proc/${name}/environ`)?.includes(marker) ?? false),
    });
  }
  return processes;
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

let buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Reads a file into a shared buffer: the result is valid only until the next call. Returns undefined if the process has ended
 * or belongs to another user. A turn reads the whole process table several times, and this takes half the time of
 * `readFileSync`.
 */
function read(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    for (let length = 0; ; ) {
      const bytesRead = readSync(file, buffer, length, buffer.length - length, null);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
      if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
    }
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

const PS_OPTIONS = { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 } as const;

function fromPs(marker: string): RunningProcess[] {
  const columns = "pid=,ppid=,stat=,lstart=,command=";
  let listing: string;
  try {
    listing = execFileSync("/bin/ps", ["-axEww", "-o", columns], PS_OPTIONS);
  } catch {
    return [];
  }
  return listing.split("\n").flatMap((line) => {
    const [, pid, parent, state, started, command] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w{3} .{20})\s(.*)$/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith("Z")) return [];
    return [
      {
        pid: Number(pid),
        parent: Number(parent),
        started: started ?? "",
        isMarked: command?.includes(marker) ?? false,
      },
    ];
  });
}

export const identity = ({ pid, started }: RunningProcess) => `${pid}@${started}`;

/** Returns the marked processes, the known ones, and all their descendants. Never includes this process. */
export function familyOf(processes: readonly RunningProcess[], known: ReadonlySet<string>): RunningProcess[] {
  const members = new Set<number>();
  const children = new Map<number, RunningProcess[]>();
  for (const candidate of processes) {
    const siblings = children.get(candidate.parent);
    if (siblings === undefined) children.set(candidate.parent, [candidate]);
    else siblings.push(candidate);
  }
  const pending = processes.filter((candidate) => candidate.isMarked || known.has(identity(candidate)));
  for (let candidate = pending.pop(); candidate !== undefined; candidate = pending.pop()) {
    if (members.has(candidate.pid) || candidate.pid === process.pid) continue;
    members.add(candidate.pid);
    pending.push(...(children.get(candidate.pid) ?? []));
  }
  return processes.filter((candidate) => members.has(candidate.pid));
}
