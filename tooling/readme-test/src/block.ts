import { execFile } from "node:child_process";
import { extname, join } from "node:path";
import { promisify } from "node:util";

export interface RunOptions {
  readonly args?: readonly string[];
  /** The program's environment. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** Default: the folder with the blocks. */
  readonly cwd?: string;
}

/** Ends a program that hangs before the test that waits for it times out. */
const TIME_LIMIT_MS = 50_000;

/** A code block of a README, written to a file. */
export class Block {
  readonly name: string;
  readonly text: string;
  /** Has all blocks of the README under their names, beside the packages that the README installs. */
  readonly folder: string;

  constructor(name: string, text: string, folder: string) {
    this.name = name;
    this.text = text;
    this.folder = folder;
  }

  get path(): string {
    return join(this.folder, this.name);
  }

  /** A shell block's commands, one per line, without comments and empty lines. */
  get commands(): string[] {
    return this.text
      .split("\n")
      .map((line) => line.replace(/(^|\s+)#.*$/, "").trim())
      .filter(Boolean);
  }

  /**
   * Runs the block: a shell block in sh, which stops at the first command that fails, any other block in this Node.
   * @throws Error if the exit code is not 0, with stderr in the message.
   */
  async run({
    args = [],
    env = process.env,
    cwd = this.folder,
  }: RunOptions = {}): Promise<{ stdout: string; stderr: string }> {
    const interpreter = extname(this.name) === ".sh" ? ["sh", "-e"] : [process.execPath];
    const [file = "", ...words] = [...interpreter, this.path, ...args];
    return promisify(execFile)(file, words, { cwd, env, timeout: TIME_LIMIT_MS, killSignal: "SIGKILL" });
  }
}
