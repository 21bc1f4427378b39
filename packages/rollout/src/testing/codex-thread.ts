import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CodexHome, type CodexInstall } from "@plexum/real-codex";
import { type Reply, ScriptedModel } from "@plexum/scripted-model";

export interface CodexThreadOptions {
  readonly codex: CodexInstall;
  /** `gpt-5` uses direct mode, `gpt-5.6-sol` code mode. @default "gpt-5" */
  readonly model?: string;
  /** What the MCP tool `recall` returns, by key. */
  readonly answers?: Record<string, unknown>;
  /** More TOML for config.toml. */
  readonly config?: string;
}

/** The namespace under which a model calls the test's MCP server. */
export const RECALL = "mcp__recall";

/** A codex home with a scripted model and an MCP server. The real codex runs turns in it. */
export class CodexThread implements AsyncDisposable {
  readonly home: CodexHome;
  readonly model: ScriptedModel;
  readonly workspace: string;
  codex: CodexInstall;
  /** The thread in which the last turn ran. */
  threadId = "";

  private constructor(home: CodexHome, model: ScriptedModel, codex: CodexInstall) {
    this.home = home;
    this.model = model;
    this.codex = codex;
    this.workspace = join(home.path, "workspace");
  }

  static async create(options: CodexThreadOptions): Promise<CodexThread> {
    const model = await ScriptedModel.start();
    const home = await CodexHome.create({ baseUrl: model.baseUrl });
    const answers = join(home.path, "answers.json");
    await writeFile(answers, JSON.stringify(options.answers ?? {}));
    const server = fileURLToPath(new URL("recall-server.ts", import.meta.url));
    await home.configure({
      baseUrl: model.baseUrl,
      ...(options.model === undefined ? {} : { model: options.model }),
      config: `[mcp_servers.recall]
command = ${JSON.stringify(process.execPath)}
args = ${JSON.stringify(["--disable-warning=ExperimentalWarning", server, answers])}
required = true
default_tools_approval_mode = "approve"

${options.config ?? ""}`,
    });
    const thread = new CodexThread(home, model, options.codex);
    await mkdir(thread.workspace);
    return thread;
  }

  /** Runs one turn in this thread with these replies of the model. The first call starts the thread. */
  async turn(replies: readonly Reply[], prompt = "go on"): Promise<void> {
    this.model.play(replies);
    const resume = this.threadId === "" ? [] : ["resume", this.threadId];
    await this.run(["exec", ...EXEC_FLAGS, ...resume, prompt]);
  }

  /** Runs codex, and keeps the id of the thread that it starts or resumes. */
  async run(args: readonly string[]): Promise<string> {
    const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) => {
      const child = execFile(
        this.codex.path,
        args,
        { cwd: this.workspace, env: this.home.env, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) =>
          error
            ? reject(new Error(`codex ${args.join(" ")}\n${stdout}\n${stderr}`, { cause: error }))
            : resolve({ stdout }),
      );
      child.stdin?.end();
    });
    const started = /\{"type":"thread.started","thread_id":"([^"]+)"\}/.exec(stdout);
    if (started?.[1] !== undefined) this.threadId = started[1];
    return stdout;
  }

  /** Returns every rollout of this home, sorted by path. */
  async rollouts(): Promise<string[]> {
    const names = await readdir(this.home.path, { recursive: true });
    return names
      .filter((name) => /rollout-[^/]*\.jsonl(\.zst)?$/.test(name))
      .sort()
      .map((name) => join(this.home.path, name));
  }

  async rollout(): Promise<string> {
    const path = (await this.rollouts()).find((name) => name.includes(this.threadId));
    if (path === undefined) throw new Error(`thread ${this.threadId} has no rollout`);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.model[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}

export const EXEC_FLAGS = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"] as const;
