import { readlinkSync, statSync } from "node:fs";
import { MARKER_VARIABLE } from "./marker.ts";
import { ProcessFamily } from "./process-family.ts";
import { commandOf, environmentOf, type RunningProcess } from "./processes.ts";
import { scanProcessesNow } from "./scan-processes.ts";

/** Processes of turns whose owner was killed together with its guard, so that no watchdog ended them. */
export interface OrphanedTurn {
  /** The pid of the process that started them. */
  readonly owner: number;
  readonly processes: readonly { readonly pid: number; readonly command: string }[];
  /** Ends the processes as the watchdog does. */
  end(): Promise<void>;
}

export interface OrphanedTurnsOptions {
  /** Selects processes by their environment. Default: all. */
  readonly where?: (environment: Readonly<Record<string, string>>) => boolean;
}

const OWNER = new RegExp(`^${MARKER_VARIABLE}=(owner:(\\d+):\\S+) `);

/**
 * Finds processes of this user that belong to a turn whose owner has ended, grouped by owner. Linux only; returns an empty
 * list on other platforms. Leaves out processes of other containers, whose pids mean something else.
 */
export function orphanedTurns(options: OrphanedTurnsOptions = {}): OrphanedTurn[] {
  if (process.platform !== "linux") return [];
  const processes = scanProcessesNow();
  const byPid = new Map(processes.map((found) => [found.pid, found]));
  const turns = new Map<string, { owner: number; members: RunningProcess[] }>();
  for (const member of processes) {
    if (!member.markers.includes("owner:") || !isOurs(member.pid)) continue;
    const environment = environmentOf(member.pid) ?? [];
    const marker = ownerIn(environment);
    if (marker === undefined || startedBefore(byPid.get(marker.pid), member)) continue;
    if (options.where?.(variablesOf(environment)) === false) continue;
    const turn = turns.get(marker.text) ?? { owner: marker.pid, members: [] };
    turns.set(marker.text, turn);
    turn.members.push(member);
  }
  return [...turns].map(([text, { owner, members }]) => ({
    owner,
    processes: members.map(({ pid }) => ({ pid, command: commandOf(pid) ?? "" })),
    end: () => new ProcessFamily(text).end(),
  }));
}

function ownerIn(environment: readonly string[]): { text: string; pid: number } | undefined {
  for (const entry of environment) {
    const [, text, owner] = OWNER.exec(entry) ?? [];
    if (text !== undefined) return { text, pid: Number(owner) };
  }
  return undefined;
}

const variablesOf = (environment: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    environment.map((entry) => [entry.split("=", 1)[0] as string, entry.slice(entry.indexOf("=") + 1)]),
  );

/** Returns whether the owner is older than its turn's process. If not, the pid was reused. Start times are clock ticks since boot. */
const startedBefore = (owner: RunningProcess | undefined, member: RunningProcess) =>
  owner !== undefined && Number(owner.started) <= Number(member.started);

function isOurs(pid: number): boolean {
  try {
    const isSameNamespace = readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync("/proc/self/ns/pid");
    return isSameNamespace && statSync(`/proc/${pid}`).uid === process.getuid?.();
  } catch {
    return false;
  }
}
