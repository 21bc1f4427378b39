import { spawn } from "node:child_process";
import { isAbsolute } from "node:path";

export interface RunOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** The time limit, in milliseconds. @default 120_000 */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end.
 *
 * @returns The program's stdout.
 * @throws Error with all of its output, if it fails or takes too long.
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { cwd, env, timeoutMs = 120_000 } = options;
  // npm and pnpm are shims on Windows, which only a shell finds; and a shell needs quoted words.
  const shell = process.platform === "win32" && !isAbsolute(command);
  const words = shell ? args.map((arg) => `"${arg}"`) : args;
  const child = spawn(command, words, { cwd, env, shell, timeout: timeoutMs });
  child.stdin.end();
  const written = { stdout: "", all: "" };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    written.stdout += text;
    written.all += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    written.all += text;
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.on("error", reject);
  child.on("close", (code, signal) => {
    if (code === 0) resolve(written.stdout);
    else reject(new Error(`${command} ${args.join(" ")}: ${signal ?? `exit code ${code}`}\n${written.all}`));
  });
  return promise;
}
