import { readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";
import { CodexThread } from "./testing/codex-thread.ts";
import { sampleCalls, sampleRollout } from "./testing/sample-rollout.ts";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "consume.ts": async (block) => {
    await using thread = await CodexThread.create({ codex: newestCodex });
    const calls = ["call_1", "call_2", "call_3"].map((callId) => shell(`printf %0500d ${callId.length}`, { callId }));
    await thread.turn([answer(calls), say("done")]);
    const { stdout } = await block.run({ args: [thread.threadId], env: thread.home.env });
    const [first = "", second, third, report] = stdout.split("\n");
    expect(first).toMatch(/^call_1 exec_command [56]\d\d$/);
    expect([second, third]).toEqual(["call_2", "call_3"].map((id) => first.replace("call_1", id)));
    expect(report).toMatch(/^\[ 'call_1', 'call_2', 'call_3' \] \[\] \[\] 1[5-9]\d\d$/);
    await thread.turn([say("so be it")]);
    const outputs = ["call_1", "call_2", "call_3"].flatMap((id) => thread.model.lastRequest.outputsOf(id));
    expect(outputs).toEqual(["...(consumed)", "...(tool called)", "a summary of what it said"]);
  },
  "follow.ts": async (block) => {
    await using thread = await CodexThread.create({ codex: newestCodex });
    await thread.turn([say("Hello.")]);
    thread.model.play([answer([shell("true", { callId: "call_4" })]), say("done")]);
    const env = { ...thread.home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
    const { stdout } = await block.run({ args: [thread.threadId, "Do nothing."], env });
    expect(stdout).toBe("call_4 exec_command\n");
  },
  "restore.ts": async (block) => {
    const path = join(block.folder, "restore.jsonl");
    const content = sampleRollout(sampleCalls(2));
    await writeFile(path, content);
    const { stdout } = await block.run({ args: [path, join(block.folder, "undo"), "call_0", "call_1", "call_2"] });
    expect(stdout).toBe("[ 'call_0', 'call_1' ] []\n");
    expect(await readFile(path, "utf8")).toBe(content);
  },
});
