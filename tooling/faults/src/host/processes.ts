import { readdirSync, readFileSync, readlinkSync } from "node:fs";

export interface FoundProcess {
  readonly pid: number;
  /** Its arguments, separated by spaces. */
  readonly command: string;
  readonly folder: string;
}

/** Returns the running processes that have this variable in their environment. */
export function processesWith(variable: string, value: string): FoundProcess[] {
  return allProcesses()
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(`${variable}=${value}`))
    .map(describe);
}

/** Returns the running processes whose command line contains this text. */
export const processesOf = (text: string): FoundProcess[] =>
  allProcesses()
    .filter((pid) => pid !== process.pid)
    .map(describe)
    .filter(({ command }) => command.includes(text));

function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return !["", "Z", "X"].includes(stat.charAt(stat.lastIndexOf(")") + 2));
}

/** Sends a signal, unless the process is gone. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const describe = (pid: number): FoundProcess => ({
  pid,
  command: read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim(),
  folder: folderOf(pid),
});

function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

const allProcesses = (): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid));

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
