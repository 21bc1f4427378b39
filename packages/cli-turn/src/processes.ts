import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";

/** A running process. `pid` and `started` together name it for good: a pid alone may be given to another process. */
export interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** When it started, in the system's own notation: only good for comparing. */
  readonly started: string;
  /** True if the process carries the sought marker in its environment. */
  readonly isMarked: boolean;
}

/**
 * The machine's running processes (zombies left out), and which of them carry a marker (see marker.ts).
 *
 * Linux reads /proc. Other systems ask `ps`, which on macOS hides the environment of the system's own programs: there
 * the family tree has to do. Windows has neither; an empty list is returned, as it is where the system won't tell.
 */
export function listProcesses(marker: string): RunningProcess[] {
  if (process.platform === "linux") return fromProc(marker);
  if (process.platform === "win32") return [];
  return fromPs(marker);
}

/** The environment of a process of this user, `NAME=value` each; undefined if the system won't tell. Linux only. */
export const environmentOf = (pid: number): string[] | undefined =>
  read(`/proc/${pid}/environ`)?.toString("utf8").split("\0");

/** With spaces between the arguments; undefined if the process has ended. Linux only. */
export const commandOf = (pid: number): string | undefined =>
  read(`/proc/${pid}/cmdline`)?.toString("utf8").replace(/\0$/, "").replaceAll("\0", " ");

/** The command lines of the machine's processes; undefined where they can't be had. */
export function commandLines(): string[] | undefined {
  if (process.platform === "win32") return undefined;
  if (process.platform === "linux") return names("/proc").flatMap((name) => commandOf(Number(name)) ?? []);
  try {
    return execFileSync("/bin/ps", ["-axww", "-o", "command="], PS_OPTIONS).split("\n");
  } catch {
    return undefined;
  }
}

/** The kernel's own threads have this flag, and no environment. */
const PF_KTHREAD = 0x00200000;

function fromProc(marker: string): RunningProcess[] {
  const processes: RunningProcess[] = [];
  for (const name of names("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = read(`/proc/${name}/stat`)?.toString("latin1");
    if (stat === undefined) continue;
    // The program's name stands in parentheses and may itself hold spaces and parentheses.
    const [state, parent, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (state === "Z" || state === "X") continue;
    const isKernels = (Number(rest[4]) & PF_KTHREAD) !== 0;
    processes.push({
      pid,
      parent: Number(parent),
      started: rest[17] ?? "",
      isMarked: !isKernels && (read(`/proc/${name}/environ`)?.includes(marker) ?? false),
    });
  }
  return processes;
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

let room = Buffer.allocUnsafe(64 * 1024);

/**
 * Undefined for a process that has ended meanwhile or belongs to someone else. What is returned holds until the next call.
 * A turn looks at the whole process table several times: this takes half the time of `readFileSync`.
 */
function read(path: string): Buffer | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    for (let length = 0; ; ) {
      const bytesRead = readSync(file, room, length, room.length - length, null);
      if (bytesRead === 0) return room.subarray(0, length);
      length += bytesRead;
      if (length === room.length) room = Buffer.concat([room], room.length * 2);
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

export const identity = (one: RunningProcess) => `${one.pid}@${one.started}`;

/** The marked processes, those already known, and all their descendants; never this process. */
export function familyOf(processes: readonly RunningProcess[], known: ReadonlySet<string>): RunningProcess[] {
  const members = new Set<number>();
  const children = new Map<number, RunningProcess[]>();
  for (const one of processes) {
    const siblings = children.get(one.parent);
    if (siblings === undefined) children.set(one.parent, [one]);
    else siblings.push(one);
  }
  const pending = processes.filter((one) => one.isMarked || known.has(identity(one)));
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    if (members.has(one.pid) || one.pid === process.pid) continue;
    members.add(one.pid);
    pending.push(...(children.get(one.pid) ?? []));
  }
  return processes.filter((one) => members.has(one.pid));
}
