import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Enough to determine whether the process that wrote a lock is still running. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process started, in the system's own units. "" if the system has no cheap way to read it (only Linux has). */
  readonly started: string;
  readonly host: string;
  /** Identifies the machine's current boot. "" if it is not known. */
  readonly boot: string;
  /** Identifies the PID namespace: each container has its own. "" if there is none. */
  readonly namespace: string;
}

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};

/**
 * Returns when a process started. Returns "" for a process that has ended but was not reaped yet, and undefined if it can't be
 * determined.
 */
function startOf(pid: number | "self"): string | undefined {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The command's name is in parentheses and may contain anything. The fields used after it: the 3rd (state), 20th and 22nd.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Until its last thread has ended, one of its writes may still be in progress.
  const hasEnded = (fields?.[0] === "Z" || fields?.[0] === "X") && Number(fields[17]) <= 1;
  return hasEnded ? "" : fields?.[19];
}

let own: ProcessIdentity | undefined;

/** Returns the identity of this process. */
export function ownIdentity(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    started: startOf("self") ?? "",
    host: hostname(),
    boot: attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()) ?? "",
    namespace: attempt(() => readlinkSync("/proc/self/ns/pid")) ?? "",
  };
  return own;
}

/**
 * Returns whether a process is still running. Returns undefined if that can't be determined: for a process of another machine or
 * container, and for a process id that is in use if the start time is unknown, since another process may have that id now.
 */
export function isAlive(identity: ProcessIdentity): boolean | undefined {
  const { host, boot, namespace } = ownIdentity();
  if (identity.host !== host) return undefined;
  if (identity.boot !== boot) return false;
  if (identity.namespace !== namespace) return undefined;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const started = startOf(identity.pid);
  return identity.started === "" || started === undefined ? undefined : identity.started === started;
}
