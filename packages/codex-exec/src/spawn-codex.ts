import { type ChildProcessByStdio, spawn } from "node:child_process";
import { delimiter } from "node:path";
import type { Readable, Writable } from "node:stream";
import { CodexExecError } from "./errors.ts";
import type { CodexBinary } from "./locate.ts";

export type CodexProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** @throws CodexExecError `spawn_failed`. */
export function spawnCodex(
  codex: CodexBinary,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<CodexProcess> {
  const { path, command, prefix, toolsPath } = codex;
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...prefix, ...args], {
      cwd,
      env: toolsPath === undefined ? env : { ...env, PATH: [toolsPath, env.PATH].filter(Boolean).join(delimiter) },
      stdio: ["pipe", "pipe", "pipe"],
      // A process group of its own: a Ctrl-C meant for this program must not reach codex past us.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    child.once("spawn", () => resolve(child));
    child.once("error", (cause) => {
      const message = `${path} could not be started (${cause.message}): check that it is codex, built for this machine.`;
      reject(new CodexExecError("spawn_failed", message, { cause }));
    });
  });
}
