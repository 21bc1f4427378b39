import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CodexHome, type CodexInstall } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";

/** A codex home in which the real codex makes sessions. The workspace has instructions, which codex passes on as a user's message. */
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
    await this.home[Symbol.asyncDispose]();
  }
}
