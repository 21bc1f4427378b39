import { execFile } from "node:child_process";
import { cp, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { installsPackage, notRun, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, functionCall, ScriptedModel, say } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");
const TSUP = join(root, "node_modules", "tsup", "dist", "cli-default.js");

testReadme(join(root, "README.md"), {
  "picture.txt": notRun("a picture"),
  "install.sh": installsPackage(root),
  "relay.js": notRun("host.ts has codex run it"),
  "host.ts": (block) => expectTurn((env) => block.run({ env })),
  "names.ts": async (block) => expect((await block.run()).stdout).toBe("read file!\n"),
  "tsup.config.js": async (block) => {
    await promisify(execFile)(process.execPath, [TSUP, "--config", block.path], { cwd: block.folder });
    // Away from the node_modules that the blocks have.
    await using apart = await temporaryFolder();
    await writeFile(join(apart.path, "package.json"), JSON.stringify({ type: "module" }));
    await cp(join(block.folder, "dist"), join(apart.path, "dist"), { recursive: true });
    const host = join(apart.path, "dist", "host.js");
    await expectTurn((env) => promisify(execFile)(process.execPath, [host], { env, cwd: apart.path }));
  },
});

/** Runs a program that holds a turn with codex, and expects the turn to call the host's tool. */
async function expectTurn(run: (env: NodeJS.ProcessEnv) => Promise<{ stdout: string; stderr: string }>): Promise<void> {
  await using model = await ScriptedModel.start((request) => {
    if (request.continuesTurn) return say("done");
    const args = { timeZone: "Europe/Vienna" };
    return answer([functionCall("local_time", args, { namespace: "mcp__plexum_host_alice", callId: "call_1" })]);
  });
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  await using bin = await temporaryFolder();
  await symlink(newestCodex.path, join(bin.path, "codex"));
  const env = { ...home.env, PATH: `${bin.path}${delimiter}${process.env.PATH}` };
  const { stdout, stderr } = await run(env);
  expect(stdout, stderr).toContain("codex calls local_time: call_1");
  expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toMatch(/\d+:\d\d:\d\d [AP]M/);
}
