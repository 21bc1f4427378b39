import { symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { installsPackage, notRun, testReadme } from "@plexum/readme-test";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, functionCall, ScriptedModel, say } from "@plexum/scripted-model";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "picture.txt": notRun("a picture"),
  "install.sh": installsPackage(root),
  "relay.mjs": notRun("host.ts has codex run it"),
  "host.ts": async (block) => {
    await using model = await ScriptedModel.start((request) => {
      if (request.continuesTurn) return say("done");
      const args = { timeZone: "Europe/Vienna" };
      return answer([functionCall("local_time", args, { namespace: "mcp__plexum_host_alice", callId: "call_1" })]);
    });
    await using home = await CodexHome.create({ baseUrl: model.baseUrl });
    await symlink(newestCodex.path, join(block.folder, "codex"));
    const env = { ...home.env, PATH: `${block.folder}${delimiter}${process.env.PATH}` };
    const { stdout, stderr } = await block.run({ env });
    expect(stdout, stderr).toContain("codex calls local_time: call_1");
    expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toMatch(/\d+:\d\d:\d\d [AP]M/);
  },
});
