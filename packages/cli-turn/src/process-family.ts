import { setTimeout as delay } from "node:timers/promises";
import { familyOf, identity, listProcesses, type RunningProcess } from "./processes.ts";

/** More rounds than any real family needs; the bound is there so that a fork bomb can't keep us for ever. */
const MAX_ROUNDS = 50;

/** How long each step of ending a turn may take before the next, harder one. In milliseconds. */
export interface EndGrace {
  /** From SIGINT, on which a CLI stops its commands and records the interruption, to SIGTERM. Default 1000. */
  readonly interruptMs: number;
  /** From SIGTERM to SIGKILL. Default 300. */
  readonly terminateMs: number;
}

export const DEFAULT_GRACE: EndGrace = { interruptMs: 1000, terminateMs: 300 };

/**
 * All processes that carry one marker, with their descendants: the CLI, the commands the model runs, and what those left
 * behind. Depends on nothing but the process table, since commands leave the CLI's process group and outlive it.
 */
export class ProcessFamily {
  readonly #marker: string;
  /** Members seen earlier, by identity: a command that cleared its environment is known by its family alone, while that lasts. */
  #known: ReadonlySet<string> = new Set();
  /** Lives on while the others are ended. */
  #spared: number | undefined;

  constructor(marker: string) {
    this.#marker = marker;
  }

  /** The members alive now. Each look also remembers them. */
  look(): RunningProcess[] {
    const family = familyOf(listProcesses(this.#marker), this.#known);
    // Those that have ended are forgotten: the family of a process that is kept for days must not grow.
    this.#known = new Set(family.map(identity));
    return this.#spared === undefined ? family : family.filter(({ pid }) => pid !== this.#spared);
  }

  /** Ends what is left after the CLI itself is gone: SIGTERM, the grace time, then SIGKILL. Returns how many there were. */
  async endRest(terminateMs: number = DEFAULT_GRACE.terminateMs): Promise<number> {
    const rest = this.look();
    if (rest.length === 0) return 0;
    signal(rest, "SIGTERM");
    await this.#untilGone(terminateMs);
    await this.#kill();
    return rest.length;
  }

  /** Ends every member but one, which lives on, as `endRest` does. */
  async endOthers(pid: number, terminateMs: number = DEFAULT_GRACE.terminateMs): Promise<number> {
    this.#spared = pid;
    try {
      return await this.endRest(terminateMs);
    } finally {
      this.#spared = undefined;
    }
  }

  /** Ends the whole family when nobody holds its CLI as a child: SIGINT to the eldest, then as `endRest`. */
  async end(grace: EndGrace = DEFAULT_GRACE): Promise<void> {
    const family = this.look();
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
    while (performance.now() < deadline && this.look().length > 0) await delay(Math.min(20, limitMs));
  }

  /**
   * Stops every member before killing any: one that still runs could start a new process between the look and the kill,
   * and a killed parent leaves a child that nothing links to the family any more.
   */
  async #kill(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const stopped = new Set<string>();
      for (let inner = 0; inner < MAX_ROUNDS; inner++) {
        const fresh = this.look().filter((member) => !stopped.has(identity(member)));
        if (fresh.length === 0) break;
        signal(fresh, "SIGSTOP");
        for (const member of fresh) stopped.add(identity(member));
      }
      if (stopped.size === 0) return;
      signal(this.look(), "SIGKILL");
      await delay(5);
    }
  }
}

function signal(processes: readonly RunningProcess[], name: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended by itself, or belongs to another user (a setuid program): nothing more can be done to it.
    }
  }
}
