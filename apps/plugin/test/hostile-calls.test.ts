import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, Harness, turn, user } from "./harness.ts";

const NAMESPACE = "mcp__plexum_host_alice";
const IDS = [
  'call_"quoted"',
  "call_\nline",
  "call_\\u0022",
  "__proto__",
  "constructor",
  "call_\u001b[2J",
  "../../call",
  "-c",
];
const RESULT = `secret \u001b[2J\u001b]0;title\u0007 ${"[".repeat(2000)} "call_id":"__proto__"`;

const tools = [{ name: "lookup", input_schema: { type: "object" } }];
const asking = (harness: Harness, prompt: string) =>
  harness.request(prompt, { request: { messages: [user(prompt)], tools } });

describe.each(byEachTransport([newestCodex]))(
  "what a hostile model asks for on codex $version by $transport",
  (codex) => {
    test.each(IDS)("a call with the id %j is reported and consumed under that id", async (callId) => {
      await using harness = await Harness.create({
        codex,
        script: [answer([functionCall("lookup", {}, { namespace: NAMESPACE, callId })]), say("done"), say("next")],
      });
      const plugin = await harness.plugin({ callTool: async () => ({ content: [{ type: "text", text: RESULT }] }) });
      const { events, end } = await turn(plugin, asking(harness, "go"));
      expect(end.stop_reason).toBe("end_turn");
      const ids = events.flatMap((event) => (event.type === "tool_result" ? [event.tool_result.tool_call_id] : []));
      expect(ids).toEqual([callId]);
      const report = await plugin.mutate({
        agent_id: "alice",
        workspace: harness.workspace,
        mutations: [{ block_id: callId, op: "consume-light" }],
      });
      expect(report).toMatchObject({ requested: 1, touched: 1, missing: [], skipped: [] });
      for (const line of rolloutLines(harness)) expect(() => JSON.parse(line)).not.toThrow();
      expect((await turn(plugin, asking(harness, "on"))).text).toBe("next");
      expect(JSON.stringify(harness.model.lastRequest.outputsOf(callId))).toContain("...(consumed)");
      expect(JSON.stringify(harness.model.lastRequest.body)).not.toContain("secret");
    });

    // PLEXUM_MANY_CALLS is the number of calls: 10,000 take two minutes, most of it in codex.
    const many = Number(process.env.PLEXUM_MANY_CALLS ?? 300);
    test(
      `${many} calls of a host's tool in one turn: each runs once and is reported once`,
      async () => {
        await using harness = await Harness.create({
          codex,
          script: [
            answer(
              Array.from({ length: many }, (_, index) =>
                functionCall("lookup", { key: index }, { namespace: NAMESPACE, callId: `call_${index}` }),
              ),
            ),
            say("done"),
          ],
        });
        const asked: unknown[] = [];
        const plugin = await harness.plugin({
          async callTool({ arguments: { key } }) {
            asked.push(key);
            return { content: [{ type: "text", text: `value ${key}` }] };
          },
        });
        const { events, text } = await turn(plugin, asking(harness, "go"));
        expect(text).toBe("done");
        expect(new Set(asked).size).toBe(many);
        expect(asked).toHaveLength(many);
        const results = events.flatMap((event) => (event.type === "tool_result" ? [event.tool_result] : []));
        expect(new Set(results.map(({ tool_call_id }) => tool_call_id)).size).toBe(many);
        expect(results).toHaveLength(many);
        for (const { tool_call_id, content } of results)
          expect(String(content)).toContain(`value ${tool_call_id.slice("call_".length)}`);
      },
      Math.max(600_000, 120 * many),
    );
  },
);

function rolloutLines(harness: Harness): string[] {
  const folder = join(harness.home.path, "sessions");
  const [file = ""] = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".jsonl"),
  );
  return readFileSync(join(folder, file), "utf8").trimEnd().split("\n");
}
