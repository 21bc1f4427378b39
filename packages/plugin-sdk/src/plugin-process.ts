import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { messageOf } from "@plexum/coded-error";
import { splitLines } from "@plexum/jsonl";
import { PluginSdkError } from "./errors.ts";
import { timeLimit } from "./time-limit.ts";

export interface PluginCommand {
  /** The plugin's executable. */
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  /** The plugin's whole environment. @default process.env */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** Called with each line of the plugin's stderr. Default: lines go to this process's stderr. */
  onStderr?(line: string): void;
  /** How long the plugin may take to end by itself after its input ends, in milliseconds. @default 15_000 */
  readonly closeTimeoutMs?: number | undefined;
  /** How long it may then take to end on SIGTERM, before SIGKILL, in milliseconds. @default 5_000 */
  readonly termTimeoutMs?: number | undefined;
}

/** How a plugin's process ended. */
export interface PluginExit {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface PluginProcess {
  readonly pid: number;
  readonly input: Readable;
  readonly output: Writable;
  readonly exited: Promise<PluginExit>;
  /** Ends the process's input, and, if necessary, the process. Resolves when it has ended. */
  close(): Promise<void>;
}

/** The longest line of stderr that is passed on whole. */
const MAX_STDERR_LINE_BYTES = 1024 * 1024;

/** How long the output of a process is still read after it has ended, in milliseconds. */
const LAST_OUTPUT_MS = 1000;

/**
 * Starts a plugin's process.
 *
 * @throws PluginSdkError `start_failed` if the executable does not exist or can't be run; RangeError for an invalid time limit.
 */
export async function startPlugin(options: PluginCommand): Promise<PluginProcess> {
  const { command, args = [], env, cwd, onStderr } = options;
  const closeTimeoutMs = timeLimit("closeTimeoutMs", options.closeTimeoutMs ?? 15_000);
  const termTimeoutMs = timeLimit("termTimeoutMs", options.termTimeoutMs ?? 5_000);
  const child = spawn(command, args, {
    env: env ?? process.env,
    cwd,
    stdio: ["pipe", "pipe", onStderr ? "pipe" : "inherit"],
    // In its own session: the host decides what Ctrl-C at its terminal means. The plugin ends with its input.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
  const exited = once(child, "exit").then(([exitCode, signal]): PluginExit => ({ exitCode, signal }));
  exited.catch(() => {});
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new PluginSdkError("start_failed", `can't start the plugin ${command}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || !stdin || !stdout) throw new PluginSdkError("start_failed", `${command} has no pipes`);
  if (stderr && onStderr) void forwardLines(stderr, onStderr);

  // An orphaned child of the plugin may keep its stdout open. The plugin's last output is read soon after its end.
  void exited.then(() => setTimeout(() => stdout.destroy(), LAST_OUTPUT_MS).unref());

  const endsWithin = async (timeoutMs: number) => {
    const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const ended = await Promise.race([exited.then(() => true), tooLate]);
    clearTimeout(timer);
    return ended;
  };
  return {
    pid,
    input: stdout,
    output: stdin,
    exited,
    async close() {
      stdin.end();
      if (!(await endsWithin(closeTimeoutMs))) child.kill("SIGTERM");
      if (!(await endsWithin(termTimeoutMs))) child.kill("SIGKILL");
      await exited;
    },
  };
}

async function forwardLines(stderr: Readable, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of splitLines(stderr, { maxLineBytes: MAX_STDERR_LINE_BYTES })) {
      onLine(Buffer.from(line.kind === "line" ? line.bytes : line.head).toString("utf8"));
    }
  } catch {
    // The pipe broke: the process is ending, which `exited` reports.
  }
}
