import { temporaryFolder } from "@plexum/test-support";
import { expect, test } from "vitest";
import { openClaw, type PluginApi } from "../test/openclaw.ts";
import { createInvokePolicies } from "./invoke-policies.ts";
import { listSessionsOnNode, resumeSessionOnNode } from "./node/sessions-on-node.ts";
import { createSessionCommands } from "./session-commands.ts";

const prompt = { sessionId: "0199a213-81c0-7800-8aa1-bbab2a035a53", prompt: "continue" };

/** Registers as a plugin of that host does: the compiler checks the types, too. */
function register(api: PluginApi, codexHome: string): void {
  const options = { codexHome, cacheFolder: codexHome };
  for (const command of createSessionCommands(options)) api.registerNodeHostCommand(command);
  for (const policy of createInvokePolicies()) api.registerNodeInvokePolicy(policy);
}

test("a plugin passes its host's runtime, and gets the node's answer", async () => {
  await using home = await temporaryFolder();
  const decisions = ["deny", "allow-once"] as const;
  let asked = 0;
  const api = openClaw(() => decisions[asked++] ?? "deny");
  register(api, home.path);
  expect(await listSessionsOnNode(api.runtime)).toMatchObject({ node: { nodeId: "node-1" }, sessions: [] });
  expect(asked).toBe(0);
  await expect(resumeSessionOnNode(api.runtime, prompt)).rejects.toThrow("only after someone has approved it");
  await expect(resumeSessionOnNode(api.runtime, prompt)).rejects.toThrow("There is no codex session 0199a213");
  expect(asked).toBe(2);
});

test("a host without approvals refuses each resume, but lists", async () => {
  await using home = await temporaryFolder();
  const api = openClaw();
  register(api, home.path);
  await expect(resumeSessionOnNode(api.runtime, prompt)).rejects.toThrow("This host can't ask anyone");
  expect((await listSessionsOnNode(api.runtime)).sessions).toEqual([]);
});

test("a session of another codex home is resumed neither through the policy nor by the node", async () => {
  await using home = await temporaryFolder();
  const api = openClaw(() => "allow-once");
  register(api, home.path);
  const params = { ...prompt, sourceHomeId: "f00d" };
  const call = { nodeId: "node-1", command: "codex.cli.session.resume", params };
  expect(await api.runtime.nodes.invoke(call)).toMatchObject({ ok: false, code: "CODEX_NODE_SOURCE_UNAVAILABLE" });
  const [, resume] = createSessionCommands({ codexHome: home.path, cacheFolder: home.path });
  await expect(resume.handle(JSON.stringify(params))).rejects.toThrow('"sourceHomeId" is not supported');
});
