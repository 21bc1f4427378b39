import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { startTurn } from "@plexum/codex-exec";
import { Block, installsPackage, notRun, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { expect } from "vitest";
import { createInvokePolicies } from "./index.ts";

const root = join(import.meta.dirname, "..");

/** Runs the README's plugin on a host of one node, whose user approves everything. */
const HOST = `
import { openClaw } from "./openclaw.ts";
import { resumeNewest } from "./nodes.ts";
import { register } from "./plugin.ts";

const api = openClaw(() => "allow-once");
register(api);
await resumeNewest(api.runtime, "project", "And now?");
`;

/** Runs a program on a machine with one session, in which the model has one more answer. */
async function runWithSession(block: Block, workspace: string, reply: string) {
  await using model = await ScriptedModel.start([say("noted"), say(reply)]);
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const path = [dirname(newestCodex.path), process.env.PATH].join(delimiter);
  const env = { ...home.env, XDG_CACHE_HOME: join(home.path, "cache"), PATH: path };
  await mkdir(workspace);
  const turn = await startTurn({ prompt: "Begin.", workspace, env });
  const { threadId } = await turn.result;
  const { stdout } = await block.run({ env });
  return { threadId, stdout };
}

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "local.ts": async (block) => {
    const workspace = join(block.folder, "here");
    const { stdout } = await runWithSession(block, workspace, "At the start.");
    expect(stdout).toBe(`${workspace}: Begin.\nAt the start.\n`);
  },
  "plugin.ts": notRun("it is run with nodes.ts"),
  "refused.json": async (block) => {
    const { message, ...rest } = JSON.parse(block.text);
    const [, resume] = createInvokePolicies();
    const invokeNode = async () => ({ ok: true as const });
    expect(message).toBe("…");
    expect(await resume.handle({ nodeId: "node-1", command: String(resume.commands[0]), invokeNode })).toEqual({
      ...rest,
      message: expect.stringContaining("after someone has approved it"),
    });
  },
  "nodes.ts": async (block) => {
    const workspace = join(block.folder, "project");
    await copyFile(join(root, "test", "openclaw.ts"), join(block.folder, "openclaw.ts"));
    const host = new Block("host.ts", HOST, block.folder);
    await writeFile(host.path, host.text);
    const { threadId, stdout } = await runWithSession(host, workspace, "Further on.");
    const [heading, line, ...rest] = stdout.split("\n");
    expect(heading).toBe("Codex sessions on Studio:");
    expect(line).toMatch(new RegExp(`^- ${threadId} · .* · Begin\\.$`));
    expect(rest).toEqual([`resuming in ${workspace}`, "Further on.", ""]);
  },
});
