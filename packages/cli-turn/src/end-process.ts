import { type ChildProcess, execFile } from "node:child_process";

/** One step of ending a process: a signal, and how long to wait before the next step, in milliseconds. */
export interface EndStep {
  readonly signal: NodeJS.Signals;
  readonly graceMs: number;
}

/**
 * Ends a process: sends the signal of each step in turn, and SIGKILL last. Does not wait for the process to exit. On Windows,
 * which has no signals, terminates the process and its descendants at once.
 */
export function endProcess(child: ChildProcess, steps: readonly EndStep[]): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  if (process.platform === "win32") {
    execFile("taskkill", ["/pid", String(child.pid), "/T", "/F"], () => {});
    return;
  }
  let afterMs = 0;
  const timers: NodeJS.Timeout[] = [];
  for (const { signal, graceMs } of [...steps, { signal: "SIGKILL", graceMs: 0 } as const]) {
    if (afterMs === 0) child.kill(signal);
    else timers.push(setTimeout(() => child.kill(signal), afterMs));
    afterMs += graceMs;
  }
  child.once("exit", () => {
    for (const timer of timers) clearTimeout(timer);
  });
}
