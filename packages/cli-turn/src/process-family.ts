import { setTimeout as delay } from "node:timers/promises";
import { startOf } from "./proc-table.ts";
import { familyOf, identity, type RunningProcess } from "./processes.ts";
import { scanProcesses } from "./scan-processes.ts";

/** More rounds than any real family needs. The bound keeps a fork bomb from holding us up forever. */
const MAX_ROUNDS = 50;

/** How long each step of ending a turn may take before the next step, in milliseconds. */
export interface EndGrace {
  /** From SIGINT to SIGTERM. On SIGINT a CLI stops its commands and records the interruption. @default 1_000 */
  readonly interruptMs: number;
  /** From SIGTERM to SIGKILL. @default 300 */
  readonly terminateMs: number;
}

export const DEFAULT_GRACE: EndGrace = { interruptMs: 1000, terminateMs: 300 };

/**
 * All processes that carry one marker, and their descendants: the CLI, the commands that the model runs, and the processes
 * that those leave behind. Relies only on the process table, because commands leave the CLI's process group and outlive it.
 */
export class ProcessFamily {
  readonly #marker: string;
  /** Members seen earlier, by identity. A command that cleared its environment is recognized only by its parent while that lives. */
  #known: ReadonlySet<string> = new Set();
  /** The pid that `endOthers` keeps alive. */
  #spared: number | undefined;

  /** @param marker One that `newTurnMarker` returned, or another of those in `markerValue`. */
  constructor(marker: string) {
    this.#marker = marker;
  }

  /** Returns the members that are alive, and remembers them. Finds every member that was running at the time of the call and still is. */
  async findMembers(): Promise<RunningProcess[]> {
    const family = familyOf(await scanProcesses(), this.#marker, this.#known);
    // Forgets members that have ended: the family of a process that is kept for days must not grow.
    this.#known = new Set(family.map(identity));
    return this.#spared === undefined ? family : family.filter(({ pid }) => pid !== this.#spared);
  }

  /** Ends the processes left after the CLI has exited: SIGTERM, the grace time, then SIGKILL. Returns how many there were. */
  async endRest(terminateMs: number = DEFAULT_GRACE.terminateMs): Promise<number> {
    const rest = await this.findMembers();
    if (rest.length === 0) return 0;
    signal(rest, "SIGTERM");
    await this.#untilGone(terminateMs);
    await this.#kill();
    return rest.length;
  }

  /** Ends every member except one, in the same way as `endRest`. */
  async endOthers(pid: number, terminateMs: number = DEFAULT_GRACE.terminateMs): Promise<number> {
    this.#spared = pid;
    try {
      return await this.endRest(terminateMs);
    } finally {
      this.#spared = undefined;
    }
  }

  /** Ends the whole family of a CLI that is not our child: SIGINT to its topmost processes, then as `endRest`. */
  async end(grace: EndGrace = DEFAULT_GRACE): Promise<void> {
    const family = await this.findMembers();
    if (family.length === 0) return;
    const pids = new Set(family.map((member) => member.pid));
    signal(
      family.filter((member) => !pids.has(member.parent)),
      "SIGINT",
    );
    await this.#untilGone(grace.interruptMs);
    await this.endRest(grace.terminateMs);
  }

  async #untilGone(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (performance.now() < deadline && (await this.findMembers()).length > 0) await delay(Math.min(20, limitMs));
  }

  /**
   * Stops every member before killing any. A running member could start a new process between the lookup and the kill, and
   * nothing links the child of a killed parent to the family.
   */
  async #kill(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stopped = new Set<string>();
      for (let inner = 0; inner < MAX_ROUNDS; inner++) {
        const fresh = (await this.findMembers()).filter((member) => !stopped.has(identity(member)));
        if (fresh.length === 0) break;
        signal(fresh, "SIGSTOP");
        for (const member of fresh) stopped.add(identity(member));
      }
      if (stopped.size === 0) return;
      signal(await this.findMembers(), "SIGKILL");
      await delay(5);
    }
  }
}

function signal(processes: readonly RunningProcess[], name: NodeJS.Signals): void {
  for (const { pid, started } of processes) {
    // It may have ended since the scan, and its pid may belong to another process.
    if (process.platform === "linux" && startOf(pid) !== started) continue;
    try {
      process.kill(pid, name);
    } catch {
      // It has ended by itself, or belongs to another user (a setuid program) and can't be ended.
    }
  }
}
