import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { type ModelRequest, ScriptedModel } from "@plexum/scripted-model";
import { demoModel } from "./demo-model.ts";

/** The environment of a conversation. Disposing removes everything that was created for it. */
export interface Setup extends AsyncDisposable {
  /** One line that says what the conversation runs on. */
  readonly description: string;
  readonly model: string;
  readonly workspace: string;
  /** The host's record of the conversation. */
  readonly record: string;
  /** Returns the last request that reached the model, if it is a scripted one. */
  readonly modelRequest?: () => ModelRequest;
  /** The plugin's environment variables, with the profile and the codex to use. */
  readonly env: NodeJS.ProcessEnv;
}

export interface SetupOptions {
  readonly model?: string | undefined;
  readonly workspace?: string | undefined;
}

/** Sets up the real codex, a scripted model, and a home and a profile of their own. No file of the user's is read or written. */
export async function scriptedSetup({ workspace }: SetupOptions): Promise<Setup> {
  const folders = await makeFolders(workspace, newestCodex.path);
  const model = await ScriptedModel.start(demoModel);
  const home = await CodexHome.create({ baseUrl: model.baseUrl, model: "gpt-5.5" });
  return {
    description: `codex ${newestCodex.version} with a scripted model`,
    model: "codex",
    workspace: folders.workspace,
    record: folders.record,
    modelRequest: () => model.lastRequest,
    env: { ...home.env, PLEXUM_PROFILE_ROOT: folders.profile },
    async [Symbol.asyncDispose]() {
      await model[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await folders.remove();
    },
  };
}

/** Sets up the user's own codex, with its login and its settings. */
export async function liveSetup({ model = "", workspace }: SetupOptions): Promise<Setup> {
  const folders = await makeFolders(workspace, "codex");
  return {
    description: `your own codex and its login${model === "" ? "" : `, model ${model}`}; its sessions keep the conversation`,
    model,
    workspace: folders.workspace,
    record: folders.record,
    env: { ...process.env, PLEXUM_PROFILE_ROOT: folders.profile },
    [Symbol.asyncDispose]: folders.remove,
  };
}

async function makeFolders(workspace: string | undefined, binary: string) {
  const base = await mkdtemp(join(tmpdir(), "plexum-devhost-"));
  const profile = join(base, "profile");
  const plugin = join(profile, "plugins", "plexum-openai-provider");
  await mkdir(plugin, { recursive: true });
  await writeFile(join(plugin, "config.json"), JSON.stringify({ binary }));
  const folder = workspace === undefined ? join(base, "workspace") : resolve(process.env.INIT_CWD ?? ".", workspace);
  await mkdir(folder, { recursive: true });
  if (workspace === undefined) {
    await writeFile(join(folder, "notes.txt"), "Buy milk.\nCall Ada about the engine.\n");
    await writeFile(join(folder, "measurements.txt"), measurements());
  }
  return {
    profile,
    workspace: folder,
    record: join(base, "dynamic.jsonl"),
    remove: () => rm(base, { recursive: true, force: true }),
  };
}

/** Returns the content of a file that is long enough to be worth consuming. */
function measurements(): string {
  const line = (_: unknown, hour: number) =>
    `2026-01-${String(1 + (hour % 28)).padStart(2, "0")} ${(hour * 37) % 997}\n`;
  return Array.from({ length: 400 }, line).join("");
}
