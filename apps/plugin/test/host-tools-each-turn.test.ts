import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { codex150, since, testedCodexes } from "@plexum/codex-versions";
import type { CallToolResult, HostHandlers, HostToolCall, StreamRequest, Tool } from "@plexum/plugin-sdk";
import { answer, functionCall, type ModelRequest, type Reply, say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, eventually, Harness, turn, user } from "./harness.ts";

const NAMESPACE = "mcp__plexum_host_alice";

const tool = (name: string, properties: Record<string, unknown> = {}): Tool => ({
  name,
  description: `The host's ${name}`,
  input_schema: { type: "object", properties },
});

const withTools = (harness: Harness, tools: Tool[], model_id = "codex"): StreamRequest =>
  harness.request("go", { model_id, request: { messages: [user("go")], ...(tools.length === 0 ? {} : { tools }) } });

const call = (name: string, callId: string) => functionCall(name, {}, { namespace: NAMESPACE, callId });

type Described = Record<string, unknown> & { readonly name: string };

/**
 * Returns the host's tools as the model sees them, by name. In code mode, newer versions declare new tools after the earlier
 * messages, and name the removed tools (seen in 0.169.0).
 */
function offeredIn({ body, input }: ModelRequest): Map<string, Described> {
  const offered = new Map<string, Described>();
  const declare = (tools: unknown) => {
    for (const { name, tools: inner } of (tools ?? []) as { name: string; tools: Described[] }[])
      if (name === NAMESPACE) for (const described of inner) offered.set(described.name, described);
  };
  declare(body.tools);
  for (const { type, role, tools, content } of input) {
    if (type === "additional_tools") declare(tools);
    if (role !== "developer" || !JSON.stringify(content ?? "").includes("no longer available")) continue;
    const [{ text = "" } = {}] = content as { text?: string }[];
    for (const [, gone, name] of text.matchAll(/^- (mcp__\w+)(?:\.(\S+))?$/gm)) {
      if (gone === NAMESPACE && name === undefined) offered.clear();
      else if (name !== undefined) offered.delete(name);
    }
  }
  return offered;
}

describe.each(byEachTransport(testedCodexes(codex150)))("the host's tools on codex $version by $transport", (codex) => {
  /** Changes that a host may make from one turn to the next. */
  const TURNS: Tool[][] = [
    [tool("look"), tool("read")],
    [tool("look"), tool("read"), tool("write")],
    [tool("write")],
    [tool("scribble")],
    [tool("scribble", { depth: { type: "integer" } })],
    [],
    [tool("look")],
  ];

  async function eachTurn(models: string[]) {
    await using harness = await Harness.create({ codex, script: () => say("ok") });
    const plugin = await harness.plugin();
    for (const [index, tools] of TURNS.entries()) {
      await turn(plugin, withTools(harness, tools, models[index % models.length]));
      const offered = offeredIn(harness.model.lastRequest);
      expect([...offered.keys()].sort(), `turn ${index}`).toEqual(tools.map(({ name }) => name).sort());
      for (const { name, input_schema } of tools) expect(offered.get(name)?.parameters).toEqual(input_schema);
    }
    expect(harness.model.requests).toHaveLength(TURNS.length);
    // All turns are on one thread, and the user can continue it.
    expect(harness.model.lastRequest.userTexts.filter((text) => text === "go")).toHaveLength(TURNS.length);
    const threadId = await readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");
    const args = ["exec", "--skip-git-repo-check", `--model=${models[0]}`, "resume", threadId, "and now by hand"];
    const options = { env: harness.env, cwd: harness.workspace };
    const byHand = promisify(execFile)(codex.path, args, options);
    byHand.child.stdin?.end();
    expect((await byHand).stdout).toContain("ok");
    expect(harness.model.lastRequest.prompt).toBe("and now by hand");
    expect([...offeredIn(harness.model.lastRequest).keys()]).toEqual([]);
  }

  test("are those of the turn in its first request, even when they change", () =>
    eachTurn(["gpt-5.5", "gpt-5.4", "gpt-5"]));

  test.each(since("0.144.0")(codex) ? ["gpt-5.6-sol"] : [])(
    "are those of the turn in its first request for %s in code mode, too, even when they change",
    (model) => eachTurn([model]),
  );
});

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe.each(byEachTransport(testedCodexes()))(
  "calls of the host's tools on codex $version by $transport",
  (codex) => {
    test("pass the host's answer to the model: 20 MB, an image, structured content, a lone surrogate", async () => {
      const results: Record<string, CallToolResult> = {
        long: { content: [{ type: "text", text: `head ${"0123456789abcde\n".repeat(20 * 1024 * 64)}` }] },
        paint: {
          content: [
            { type: "text", text: "painted" },
            { type: "image", data: PNG, mimeType: "image/png" },
          ],
        },
        measure: { content: [{ type: "text", text: "measured" }], structuredContent: { depth: 3 } },
        halve: { content: [{ type: "text", text: "half \ud83d of it" }] },
      };
      const names = Object.keys(results);
      const script = ({ continuesTurn }: ModelRequest): Reply =>
        continuesTurn ? say("done") : answer(names.map((name) => call(name, `call_${name}`)));
      await using harness = await Harness.create({ codex, script });
      const callTool: HostHandlers["callTool"] = async ({ name }, { progress }) => {
        progress({ progress: 1, total: 2, message: "half \udc00 way" });
        return results[name] ?? { content: [] };
      };
      const request = withTools(
        harness,
        names.map((name) => tool(name)),
      );
      const { text, events } = await turn(await harness.plugin({ callTool }), request);
      expect(text).toBe("done");
      const seen = (name: string) => JSON.stringify(harness.model.lastRequest.outputsOf(`call_${name}`));
      expect(seen("long")).toContain("head 0123456789abcde");
      expect(seen("paint")).toContain(PNG);
      expect(seen("paint")).toContain("painted");
      expect(seen("measure")).toContain("depth");
      expect(seen("halve")).toContain("half \ufffd of it");
      const emitted = events.flatMap((event) => (event.type === "tool_result" ? [event.tool_result] : []));
      expect(emitted.map(({ tool_call_id, is_error }) => [tool_call_id, is_error]).sort()).toEqual(
        names.map((name) => [`call_${name}`, false]).sort(),
      );
    });

    test("reach the host among a thousand tools, and under names that codex does not allow", async () => {
      // "exec_command" is a tool of codex's own.
      const names = ["look.up", "Größe messen", "a/b", `long_${"x".repeat(200)}`, "exec_command", "__proto__", "1"];
      const many = Array.from({ length: 1000 - names.length }, (_, n) => `tool_${n}`);
      const all = [...names, ...many];
      const calls: string[] = [];
      const callTool = async ({ name }: HostToolCall) => {
        calls.push(name);
        return { content: [{ type: "text", text: "looked" }] };
      };
      const script = (request: ModelRequest): Reply => {
        if (request.continuesTurn) return say("done");
        const offered = [...offeredIn(request).values()];
        const wanted = offered.filter(({ description }) =>
          [...names, "tool_0", "tool_992"].some((name) => description === `The host's ${name}`),
        );
        return answer(wanted.map(({ name }, n) => call(name, `call_${n}`)));
      };
      await using harness = await Harness.create({ codex, script });
      const { text } = await turn(
        await harness.plugin({ callTool }),
        withTools(
          harness,
          all.map((name) => tool(name)),
        ),
      );
      expect(text).toBe("done");
      expect(offeredIn(harness.model.requests[0] as ModelRequest).size).toBe(1000);
      expect(calls.sort()).toEqual([...names, "tool_0", "tool_992"].sort());
    });

    test("are not affected by a tool that can't be offered, which causes a warning", async () => {
      await using harness = await Harness.create({ codex, script: () => say("ok") });
      const schema = (input_schema: unknown) => input_schema as Tool["input_schema"];
      const tools: Tool[] = [
        tool("look"),
        { ...tool("look"), description: "another look" },
        { ...tool("nullable"), input_schema: schema({ type: ["object", "null"], properties: { a: {} } }) },
        { ...tool("typeless"), input_schema: schema({ type: null }) },
        { ...tool("list"), input_schema: schema({ type: "array" }) },
        tool("read"),
      ];
      await turn(await harness.plugin(), withTools(harness, tools));
      const offered = offeredIn(harness.model.lastRequest);
      expect([...offered.keys()].sort()).toEqual(["look", "nullable", "read", "typeless"]);
      expect(offered.get("look")?.description).toBe("The host's look");
      const warnings = harness.warnings().filter((warning) => warning.includes("not offered"));
      expect(warnings).toEqual([expect.stringContaining('"look"'), expect.stringContaining('"list"')]);
    });

    test("end at the turn's time limit if the host never answers, and the next turn completes", async () => {
      const script = ({ prompt, continuesTurn }: ModelRequest): Reply =>
        prompt === "go" && !continuesTurn ? answer([call("wait", "call_wait")]) : say("still here");
      await using harness = await Harness.create({ codex, script, config: { timeout_ms: 4000 } });
      const aborted: string[] = [];
      const callTool = (_call: HostToolCall, { signal }: { signal: AbortSignal }) =>
        new Promise<never>(() => signal.addEventListener("abort", () => aborted.push("wait"), { once: true }));
      const plugin = await harness.plugin({ callTool });
      const { error, events } = await turn(plugin, withTools(harness, [tool("wait")]));
      expect(error).toMatchObject({ code: "timed_out" });
      expect(events.filter(({ type }) => type === "tool_result")).toHaveLength(1);
      await eventually("the host's call is cancelled", () => aborted.length === 1);
      expect((await turn(plugin, harness.request("go on"))).text).toBe("still here");
    });
  },
);
