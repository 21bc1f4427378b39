import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { bridgeSocketPath } from "@plexum/mcp-bridge";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, say } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn, user } from "./harness.ts";

const TURNS = 200;
const AGENTS = ["ada", "bob", "cyd", "dan"];

test.each(byEachTransport([newestCodex]))(
  `${TURNS} turns with tools by $transport leave no process, socket or file descriptor behind`,
  async (codex) => {
    await using harness = await Harness.create({
      codex,
      script: (request) => {
        if (request.continuesTurn) return say("done");
        const namespace =
          request.toolNames.find((name) => name.endsWith(".lookup"))?.replace(/\.lookup$/, "") ?? "none";
        return answer([functionCall("lookup", { key: "a" }, { namespace })]);
      },
    });
    let hostCalls = 0;
    const withoutSocket: string[] = [];
    const plugin = await harness.plugin({
      async callTool({ agent_id }) {
        hostCalls++;
        if (codex.transport === "exec" && !existsSync(bridgeSocketPath(agent_id))) withoutSocket.push(agent_id);
        return { content: [{ type: "text", text: "found" }] };
      },
    });
    const request = (agent: string) =>
      harness.request("go", {
        agent: { agent_id: agent, workspace: join(harness.folder, agent) },
        request: { messages: [user("go")], tools: [{ name: "lookup", input_schema: { type: "object" } }] },
      });
    const run = async (agent: string, turns: number) => {
      for (let done = 0; done < turns; done++) expect((await turn(plugin, request(agent))).text).toBe("done");
    };

    await Promise.all(AGENTS.map((agent) => run(agent, 1)));
    const before = await holdings(plugin.pid as number);
    await Promise.all(AGENTS.map((agent) => run(agent, TURNS / AGENTS.length)));
    expect(hostCalls).toBe(TURNS + AGENTS.length);
    expect(withoutSocket).toEqual([]);
    await eventually("everything is released", async () => {
      const after = await holdings(plugin.pid as number);
      return after.children <= before.children && after.descriptors <= before.descriptors;
    });
    expect(AGENTS.filter((agent) => existsSync(bridgeSocketPath(agent)))).toEqual([]);
  },
  300_000,
);

/** Returns the descriptors and children of a process. */
async function holdings(pid: number) {
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim().split(" ");
  return { descriptors: descriptors.length, children: children.length };
}
