import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { neutralEnvironment } from "./neutral-environment.ts";

export interface CodexHomeOptions {
  /** The model server's address, ending in `/v1`. */
  readonly baseUrl: string;
  /** `gpt-5` runs in direct mode in every version, `gpt-5.6-sol` in code mode from 0.144. @default "gpt-5" */
  readonly model?: string;
  /** How often codex retries a request or a broken stream. With 0, each reply of the script is played once. @default 0 */
  readonly retries?: number;
  /** More TOML, appended to config.toml: only tables. */
  readonly config?: string;
}

export interface CreateHomeOptions extends CodexHomeOptions {
  /** Where the home is made. @default tmpdir() */
  readonly parent?: string;
}

/** A throw-away CODEX_HOME whose codex asks a scripted model and needs no account. */
export class CodexHome implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create({ parent = tmpdir(), ...options }: CreateHomeOptions): Promise<CodexHome> {
    const home = new CodexHome(await mkdtemp(join(parent, "codex-home-")));
    await home.configure(options);
    return home;
  }

  async configure({ baseUrl, model = "gpt-5", retries = 0, config = "" }: CodexHomeOptions): Promise<void> {
    const toml = `model = ${JSON.stringify(model)}
model_provider = "scripted"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.scripted]
name = "scripted"
base_url = ${JSON.stringify(baseUrl)}
wire_api = "responses"
request_max_retries = ${retries}
stream_max_retries = ${retries}
supports_websockets = false

${config}`;
    await writeFile(join(this.path, "config.toml"), toml, { mode: 0o600 });
  }

  /**
   * This process's neutral environment with this home. HOME is the same folder: codex runs commands in a login shell, and the user's
   * profile must not affect a test.
   */
  get env(): NodeJS.ProcessEnv {
    return { ...neutralEnvironment(process.env), CODEX_HOME: this.path, HOME: this.path };
  }

  /** Removes the rollouts, and the databases, in which codex also finds threads. No codex may be running in this home. */
  async forgetThreads(): Promise<void> {
    const isDatabase = (name: string) => /\.sqlite(-wal|-shm)?$/.test(name);
    const names = (await readdir(this.path)).filter((name) => name === "sessions" || isDatabase(name));
    for (const name of names) await rm(join(this.path, name), { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // codex may still be writing to its databases for a moment after a kill.
    await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
