import {
  type ChildProcess,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
  spawn,
} from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ownerMarker } from "./marker.ts";

let guard: ChildProcess | undefined;
let openTurns = 0;

/**
 * Makes sure that this process's turns end when this process ends, even by SIGKILL. A single guard process waits on a pipe
 * that only this process holds open. When the pipe closes, the guard becomes the watchdog, which ends every process that
 * still carries this process's marker. Until then it is only a shell blocked in a read, not a second Node.
 *
 * @returns A function to call when the turn is over.
 */
export function guardOwner(): () => void {
  openTurns++;
  guard ??= startGuard();
  return () => {
    openTurns--;
  };
}

/** Restarts the guard if it ended while turns are open. */
export function keepGuarded(): void {
  if (openTurns > 0) guard ??= startGuard();
}

function startGuard(): ChildProcess {
  const program = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "./watchdog.ts" : "./watchdog.js", import.meta.url),
  );
  if (!existsSync(program)) warnOfMissingWatchdog(program);
  const command = [process.execPath, program, ownerMarker];
  // Detached: a Ctrl-C at the terminal, or a kill of the process group, must not end the guard.
  const options: SpawnOptionsWithStdioTuple<StdioPipe, StdioNull, StdioNull> = {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    windowsHide: true,
  };
  const child =
    process.platform === "win32"
      ? spawn(process.execPath, ["-e", WAIT_THEN_RUN, ...command.slice(1)], options)
      : spawn("/bin/sh", ["-c", 'read -r line; exec "$@"', "sh", ...command], options);
  child.unref();
  // The pipe is missing if the system is out of file descriptors.
  (child.stdin as unknown as { unref(): void } | undefined)?.unref();
  child.stdin?.on("error", () => {});
  // If the guard ends, the next turn restarts it. A missing guard is no reason to fail a turn.
  child.once("error", clearGuard).once("exit", clearGuard);
  process.once("exit", endIdleGuard);
  return child;
}

let isWarned = false;

/** A bundle easily leaves the watchdog out, and nothing else would show that. */
function warnOfMissingWatchdog(program: string): void {
  if (isWarned) return;
  isWarned = true;
  const message = `There is no ${program}: if this process is killed, nothing ends the processes of its turns. Bundle the watchdog as the README of @plexum/cli-turn shows.`;
  process.emitWarning(message, { code: "CLI_TURN_NO_WATCHDOG" });
}

const WAIT_THEN_RUN =
  'process.stdin.resume().on("end", () => require("node:child_process").spawn(process.execPath, process.argv.slice(1), { stdio: "ignore" }))';

function clearGuard(): void {
  guard = undefined;
  process.off("exit", endIdleGuard);
}

/** Ends the guard when this process exits without open turns: then there is nothing to clean up. */
function endIdleGuard(): void {
  if (openTurns === 0) guard?.kill("SIGKILL");
}
