import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { CodexHome, type CodexInstall } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";

/** A codex home in which the real codex creates sessions. The workspace has instructions, which codex passes on as a user message. */
export class CodexSessions implements AsyncDisposable {
  readonly home: CodexHome;
  readonly workspace: string;
  readonly #model: ScriptedModel;

  private constructor(home: CodexHome, model: ScriptedModel) {
    this.home = home;
    this.#model = model;
    this.workspace = join(home.path, "workspace");
  }

  static async create(): Promise<CodexSessions> {
    const model = await ScriptedModel.start(() => say("done"));
    const made = new CodexSessions(await CodexHome.create({ baseUrl: model.baseUrl }), model);
    await mkdir(made.workspace);
    await writeFile(join(made.workspace, "AGENTS.md"), "Be kind.");
    return made;
  }

  /** Runs `codex exec` and returns the thread's id. */
  async exec(codex: CodexInstall, ...args: string[]): Promise<string> {
    const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"];
    const stdout = await this.run(codex, "exec", ...flags, ...args);
    const [, id] = /"thread_id":"([^"]+)"/.exec(stdout) ?? [];
    if (id === undefined) throw new Error(`no thread id in ${stdout}`);
    return id;
  }

  async run(codex: CodexInstall, ...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { cwd: this.workspace, env: this.home.env, timeout: 60_000 };
      const child = execFile(codex.path, args, options, (error, stdout, stderr) =>
        error ? reject(new Error(`codex ${args.join(" ")}\n${stdout}\n${stderr}`, { cause: error })) : resolve(stdout),
      );
      child.stdin?.end();
    });
  }

  /** Reverts the last turn of a thread, like codex's own interface. */
  async revertLastTurn(codex: CodexInstall, threadId: string): Promise<void> {
    const server = spawn(codex.path, ["app-server"], {
      cwd: this.workspace,
      env: this.home.env,
      stdio: ["pipe", "pipe", "ignore"],
    });
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const request = async (method: string, params: object) => {
      server.stdin.write(`${JSON.stringify({ id: method, method, params })}\n`);
      for (;;) {
        const { value, done } = await lines.next();
        if (done) throw new Error(`codex ended before it answered ${method}`);
        const answer = JSON.parse(value);
        if (answer.id !== method) continue;
        if (answer.error) throw new Error(JSON.stringify(answer.error));
        return answer.result;
      }
    };
    const ended = once(server, "close");
    try {
      const clientInfo = { name: "session-store-test", version: "1" };
      await request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
      server.stdin.write(`${JSON.stringify({ method: "initialized" })}\n`);
      await request("thread/resume", { threadId });
      const { data } = await request("thread/turns/list", { threadId });
      const [last] = data.toSorted((a: { id: string }, b: { id: string }) => (a.id < b.id ? 1 : -1));
      await request("thread/revert", { threadId, beforeTurnId: last.id });
    } finally {
      server.stdin.end();
      await ended;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}
