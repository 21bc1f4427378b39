import { execFile } from "node:child_process";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, functionCall, ScriptedModel, say } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { temporaryFolder } from "../test/temporary-folder.ts";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

test("the README's host and relay give codex a tool", { timeout: 30_000 }, async () => {
  const readme = await readFile(join(packageFolder, "README.md"), "utf8");
  const [relay, host] = [...readme.matchAll(/^```[jt]s\n(.*?)^```/gms)].map(([, code]) => code);
  await using folder = await temporaryFolder();
  await using model = await ScriptedModel.start((request) => {
    if (request.continuesTurn) return say("done");
    const args = { timeZone: "Europe/Vienna" };
    return answer([functionCall("local_time", args, { namespace: "mcp__plexum_host_alice", callId: "call_1" })]);
  });
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const at = (...names: string[]) => join(folder.path, ...names);
  await mkdir(at("node_modules", "@plexum"), { recursive: true });
  await symlink(packageFolder, at("node_modules", "@plexum", "mcp-bridge"));
  await symlink(newestCodex.path, at("codex"));
  await writeFile(at("relay.mjs"), String(relay));
  await writeFile(at("host.ts"), String(host));

  const env = { ...home.env, PATH: `${folder.path}${delimiter}${process.env.PATH}` };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["host.ts"], { cwd: folder.path, env });
  expect(stdout, stderr).toContain("codex calls local_time: call_1");
  expect(JSON.stringify(model.lastRequest.outputsOf("call_1"))).toMatch(/\d+:\d\d:\d\d [AP]M/);
});
