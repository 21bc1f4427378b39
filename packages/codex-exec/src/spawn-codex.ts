import { type ChildProcessByStdio, spawn } from "node:child_process";
import { delimiter } from "node:path";
import type { Readable, Writable } from "node:stream";
import { CodexExecError } from "./errors.ts";
import type { CodexBinary } from "./locate.ts";

export type CodexProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Resolves once codex runs.
 * @throws CodexExecError `spawn_failed`.
 */
export function spawnCodex(
  codex: CodexBinary,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<CodexProcess> {
  const { path, command, prefix, toolsPath } = codex;
  const failed = (cause: Error) =>
    new CodexExecError(
      "spawn_failed",
      `${path} could not be started (${cause.message}): check that it is codex, built for this machine, and that the arguments it is given are neither too long nor contain a NUL.`,
      { cause },
    );
  return new Promise((resolve, reject) => {
    let child: CodexProcess;
    try {
      child = spawn(command, [...prefix, ...args], {
        cwd,
        env: toolsPath === undefined ? env : { ...env, PATH: [toolsPath, env.PATH].filter(Boolean).join(delimiter) },
        stdio: ["pipe", "pipe", "pipe"],
        // A process group of its own: a Ctrl-C meant for this program must not reach codex past us.
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
