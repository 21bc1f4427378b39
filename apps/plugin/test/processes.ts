import { readdirSync, readFileSync } from "node:fs";

/** Returns the codex processes that a plugin keeps or runs a turn on. */
export const appServersOf = (plugin: number): number[] =>
  read(`/proc/${plugin}/task/${plugin}/children`)
    .trim()
    .split(" ")
    .map(Number)
    .filter((child) => read(`/proc/${child}/cmdline`).includes("app-server"));

/** Returns the processes whose command line contains this text. */
export const processesOf = (text: string): number[] =>
  allProcesses().filter((pid) => read(`/proc/${pid}/cmdline`).includes(text));

/** Returns the processes that a harness's plugin started and that still have its environment. */
export const processesUnder = (folder: string): number[] =>
  allProcesses().filter((pid) => read(`/proc/${pid}/environ`).includes(`PLEXUM_PROFILE_ROOT=${folder}\0`));

const allProcesses = (): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0);

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
