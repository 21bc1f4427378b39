import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { startTurn } from "@plexum/codex-exec";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

/** Runs the README's plugin on a host of one node, whose person says yes to everything. */
const HOST = `
import { openClaw } from "../test/openclaw.ts";
import { goOn } from "./nodes.ts";
import { register } from "./plugin.ts";

const api = openClaw(() => "allow-once");
register(api);
await goOn(api.runtime, "PROJECT", "And now?");
`;

test("the README's programs run as they stand there", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [local = "", plugin = "", nodes = ""] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  await using model = await ScriptedModel.start([say("noted"), say("At the start."), say("Further on.")]);
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const path = [dirname(newestCodex.path), process.env.PATH].join(delimiter);
  const env = { ...home.env, XDG_CACHE_HOME: join(home.path, "cache"), PATH: path };
  // Inside the package, where its own name leads to it.
  const folder = await mkdtemp(join(root, ".readme-"));
  try {
    const workspace = join(folder, "project");
    await mkdir(workspace);
    const turn = await startTurn({ prompt: "Begin.", workspace, env });
    const { threadId } = await turn.result;
    await writeFile(join(folder, "local.ts"), local);
    await writeFile(join(folder, "plugin.ts"), plugin);
    await writeFile(join(folder, "nodes.ts"), nodes);
    await writeFile(join(folder, "host.ts"), HOST);
    const run = async (name: string) =>
      (await promisify(execFile)(process.execPath, [join(folder, name)], { cwd: folder, env })).stdout;
    expect(await run("local.ts")).toBe(`${workspace}: Begin.\nAt the start.\n`);
    const [heading, line, ...rest] = (await run("host.ts")).split("\n");
    expect(heading).toBe("Codex sessions on Studio:");
    expect(line).toMatch(new RegExp(`^- ${threadId} · .* · Where were we\\?$`));
    expect(rest).toEqual([`going on in ${workspace}`, "Further on.", ""]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
