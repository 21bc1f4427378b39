import { readdirSync } from "node:fs";
import { markersIn } from "./marker.ts";
import type { RunningProcess } from "./processes.ts";
import { readShared } from "./read-shared.ts";

/** Flags of a process in its `stat`. A kernel thread has no environment. */
const PF_KTHREAD = 0x00200000;
/** The program was loaded at random addresses. */
const PF_RANDOMIZE = 0x00400000;

/** How often a scan waits for the processes that are just executing a program. */
const MAX_WAITS = 20;

/** Longer than the markers of a real environment. Those of a process with more are read each time, so that the memory stays small. */
const MAX_REMEMBERED_CHARACTERS = 1000;

/** What to do between two steps of a scan: let others run if it has taken long enough, or wait for a millisecond. */
export type ScanStep = "step" | "wait";

interface Entry {
  readonly pid: number;
  readonly parent: number;
  readonly started: string;
  /** Identifies the process and the program that it executes. Undefined if that can't be identified. */
  readonly image: string | undefined;
  readonly isKernelThread: boolean;
  readonly hasEmptyEnvironment: boolean;
}

/** Returns when a process started, in the format of `RunningProcess.started`; undefined if it has ended. Linux only. */
export const startOf = (pid: number): string | undefined => statOf("/proc", String(pid))?.(22);

/** Returns the fields of a process's `stat`, by their numbers in proc(5) from 3 on; undefined if the process has ended. */
function statOf(root: string, pid: string): ((number: number) => string) | undefined {
  const stat = readShared(`${root}/${pid}/stat`)?.toString("latin1");
  if (stat === undefined) return undefined;
  // The program's name is in parentheses and may itself contain spaces and parentheses.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .trimEnd()
    .split(" ");
  return (number) => fields[number - 3] ?? "";
}

/**
 * The process table of Linux. Remembers the markers in each environment that it has read, because reading them takes more than
 * half the time.
 *
 * A process changes its environment only by executing a program, which keeps pid and start time. But the kernel then loads the
 * program, its stack and its environment at new random addresses, and `stat` has them. So what was read is valid while they
 * stay the same. A program at fixed addresses (`setarch -R`) is read each time.
 */
export class ProcTable {
  readonly #root: string;
  /** The markers by pid, for the image in which they were read. Only of processes that the last scan saw. */
  #known = new Map<number, { readonly image: string; readonly markers: string }>();

  constructor(root = "/proc") {
    this.#root = root;
  }

  /**
   * Returns the running processes without zombies; none if they can't be listed. Finds every process that exists from the
   * beginning of the scan to its end.
   */
  *scan(): Generator<ScanStep, RunningProcess[]> {
    const entries: Entry[] = [];
    // All parents first, and quickly: when a process ends, nothing leads from its child to the process above.
    for (const name of this.#pids()) {
      const entry = this.#entry(name);
      if (entry !== undefined) entries.push(entry);
      yield "step";
    }
    const known = new Map<number, { readonly image: string; readonly markers: string }>();
    const processes: RunningProcess[] = [];
    for (let waits = 0, pending = entries; pending.length > 0; waits++) {
      const loading: Entry[] = [];
      for (const entry of pending) {
        const { pid, parent, started, image } = entry;
        const markers = this.#markers(entry);
        if (markers === undefined && waits < MAX_WAITS) {
          loading.push(entry);
          continue;
        }
        processes.push({ pid, parent, started, markers: markers ?? "" });
        if (image !== undefined && markers !== undefined && markers.length <= MAX_REMEMBERED_CHARACTERS)
          known.set(pid, { image, markers });
        yield "step";
      }
      if (loading.length > 0) yield "wait";
      pending = loading.flatMap(({ pid }) => this.#entry(String(pid)) ?? []);
    }
    this.#known = known;
    return processes;
  }

  #pids(): string[] {
    try {
      return readdirSync(this.#root).filter((name) => /^\d+$/.test(name));
    } catch {
      return [];
    }
  }

  #entry(name: string): Entry | undefined {
    const field = statOf(this.#root, name);
    if (field === undefined) return undefined;
    const state = field(3);
    if (state === "Z" || state === "X") return undefined;
    const flags = Number(field(9));
    const started = field(22);
    const [startCode, startStack, environment, environmentEnd] = [field(26), field(28), field(50), field(51)];
    const isRandom = (flags & PF_RANDOMIZE) !== 0 && Number(environment) > 0;
    return {
      pid: Number(name),
      parent: Number(field(4)),
      started,
      image: isRandom ? [started, startCode, startStack, environment, environmentEnd].join(" ") : undefined,
      isKernelThread: (flags & PF_KTHREAD) !== 0,
      hasEmptyEnvironment: Number(environment) > 0 && environment === environmentEnd,
    };
  }

  /** Returns the markers in a process's environment; undefined if it has no environment yet, because it is just executing a program. */
  #markers({ pid, image, isKernelThread, hasEmptyEnvironment }: Entry): string | undefined {
    if (isKernelThread || hasEmptyEnvironment) return "";
    const known = this.#known.get(pid);
    if (known !== undefined && known.image === image) return known.markers;
    const environment = readShared(`${this.#root}/${pid}/environ`);
    if (environment === undefined) return "";
    return environment.length === 0 ? undefined : markersIn(environment.toString("latin1"));
  }
}
