import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { delimiter, resolve } from "node:path";
import type { Readable, Writable } from "node:stream";
import { CliTurnError } from "./errors.ts";
import { guardOwner, keepGuarded } from "./guard-owner.ts";
import type { Program } from "./locate-program.ts";
import { MARKER_VARIABLE, markerValue, newTurnMarker } from "./marker.ts";
import { ProcessFamily } from "./process-family.ts";

export type PipedProcess = ChildProcessByStdio<Writable, Readable, Readable>;

export interface MarkedProcess {
  readonly child: PipedProcess;
  /** The process and everything it starts. */
  readonly family: ProcessFamily;
  /** Stops guarding the process. Call it once the family has ended. */
  readonly release: () => void;
  /** Restarts the guard if it has ended. For a process that serves several turns. */
  readonly keepGuarded: () => void;
}

export interface SpawnMarkedOptions {
  readonly program: Program;
  readonly args: readonly string[];
  /** The real path of the folder that the program runs in. Its processes are marked with it. */
  readonly workspace: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Starts a program in such a way that all its processes can be found and ended, even after this process is killed. Resolves
 * once the program is running.
 * @throws CliTurnError `binary_not_found` or `spawn_failed`.
 */
export async function spawnMarked({ program, args, workspace, env }: SpawnMarkedOptions): Promise<MarkedProcess> {
  const turnMarker = newTurnMarker();
  const release = guardOwner();
  try {
    const marked = { ...env, [MARKER_VARIABLE]: markerValue(workspace, turnMarker) };
    const child = await spawnProgram(program, args, workspace, marked);
    return { child, family: new ProcessFamily(turnMarker), release, keepGuarded };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Creates the folder if it is missing. Returns its real path, so that a folder reached through links is the same workspace.
 * @throws CliTurnError `workspace_unusable`.
 */
export async function makeWorkspace(workspace: string): Promise<string> {
  try {
    await mkdir(workspace, { recursive: true });
    return await realpath(workspace);
  } catch (cause) {
    throw new CliTurnError(
      "workspace_unusable",
      `The workspace ${resolve(workspace)} can't be used (${(cause as Error).message}): name a folder that this user can write to.`,
      { cause },
    );
  }
}

function spawnProgram(
  { path, command, prefix, toolsPath }: Program,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<PipedProcess> {
  const failed = (cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT" && !existsSync(command))
      return new CliTurnError("binary_not_found", `There is no file ${command}: correct the path of the executable.`, {
        cause,
      });
    return new CliTurnError(
      "spawn_failed",
      `${path} could not be started (${cause.message}): check that it is built for this machine, and that its arguments are not too long and contain no NUL.`,
      { cause },
    );
  };
  return new Promise((resolve, reject) => {
    let child: PipedProcess;
    try {
      child = spawn(command, [...prefix, ...args], {
        cwd,
        env: toolsPath === undefined ? env : { ...env, PATH: [toolsPath, env.PATH].filter(Boolean).join(delimiter) },
        stdio: ["pipe", "pipe", "pipe"],
        // In its own process group: a Ctrl-C meant for this program must not reach the CLI directly.
        detached: process.platform !== "win32",
        windowsHide: true,
      });
    } catch (error) {
      // Some failures are thrown, such as arguments that are too long; the rest are events.
      reject(failed(error as Error));
      return;
    }
    child.once("spawn", () => resolve(child));
    child.once("error", (cause) => reject(failed(cause)));
  });
}
