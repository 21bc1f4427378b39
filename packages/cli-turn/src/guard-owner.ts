import {
  type ChildProcess,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
  spawn,
} from "node:child_process";
import { fileURLToPath } from "node:url";
import { ownerMarker } from "./marker.ts";

let guard: ChildProcess | undefined;
let openTurns = 0;

/**
 * Sees to it that this process's turns end with it even when it is killed outright. One small process a time waits at a
 * pipe that only this process holds open; when the pipe closes, it becomes the watchdog, which ends whatever still carries
 * this process's marker. While nothing happens it is a shell waiting in a read, not a second Node.
 *
 * Returns a function to call when the turn is over.
 */
export function guardOwner(): () => void {
  openTurns++;
  guard ??= startGuard();
  return () => {
    openTurns--;
  };
}

/** Starts the guard again if something ended it while turns are open. */
export function keepGuarded(): void {
  if (openTurns > 0) guard ??= startGuard();
}

function startGuard(): ChildProcess {
  const program = fileURLToPath(
    new URL(import.meta.url.endsWith(".ts") ? "./watchdog.ts" : "./watchdog.js", import.meta.url),
  );
  const command = [process.execPath, program, ownerMarker];
  // Detached: a Ctrl-C at the terminal, or a kill of the process group, must not take the guard along.
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
  // There is no pipe if the system is out of file descriptors.
  (child.stdin as unknown as { unref(): void } | undefined)?.unref();
  child.stdin?.on("error", () => {});
  // Started again by the next turn if something ended it. Its absence is not worth failing a turn for.
  child.once("error", forget).once("exit", forget);
  process.once("exit", dismiss);
  return child;
}

const WAIT_THEN_RUN =
  'process.stdin.resume().on("end", () => require("node:child_process").spawn(process.execPath, process.argv.slice(1), { stdio: "ignore" }))';

function forget(): void {
  guard = undefined;
  process.off("exit", dismiss);
}

/** An owner that ends with no turn open leaves nothing to end. */
function dismiss(): void {
  if (openTurns === 0) guard?.kill("SIGKILL");
}
