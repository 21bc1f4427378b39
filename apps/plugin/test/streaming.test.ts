import { AppServerTurns } from "@plexum/codex-app-server";
import { codex150, since, testedCodexes } from "@plexum/codex-versions";
import type { HostToolCall, ProviderEvent, Tool } from "@plexum/plugin-sdk";
import {
  answer,
  codeModeScript,
  customCall,
  functionCall,
  type ModelRequest,
  message,
  type Reply,
  say,
  shell,
  streamedMessage,
} from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, type CodexToRun, Harness, type HarnessOptions, turn, user } from "./harness.ts";

type TextDelta = Extract<ProviderEvent, { type: "text_delta" }>;
type Items = Parameters<typeof answer>[0];

const deltasOf = (events: readonly ProviderEvent[]): TextDelta[] =>
  events.filter((event) => event.type === "text_delta");

const joined = (events: readonly ProviderEvent[]): string =>
  deltasOf(events)
    .map(({ text }) => text)
    .join("");

/** Returns the texts of a turn, message by message, as a host joins them. */
function messagesOf(events: readonly ProviderEvent[]): string[] {
  const texts = new Map<string | undefined, string>();
  for (const { message_id, text } of deltasOf(events)) texts.set(message_id, (texts.get(message_id) ?? "") + text);
  return [...texts.values()];
}

describe.each(testedCodexes())("text that codex $version streams on an app-server", (codex) => {
  const onAppServer: CodexToRun = { ...codex, transport: "app-server" };

  /** Runs a turn for each of these answers, all on one plugin. */
  async function turnsWith(...answers: Items[]) {
    await using harness = await Harness.create({ codex: onAppServer, script: answers.map((items) => answer(items)) });
    const plugin = await harness.plugin();
    const seen: ProviderEvent[][] = [];
    for (const _ of answers) {
      const { events, end } = await turn(plugin, harness.request("go"));
      expect(end.stop_reason).toBe("end_turn");
      seen.push(events);
    }
    return seen;
  }

  test("reaches the host before the model has written the rest", async () => {
    const pieces = ["The ", "answer ", "is ", "seventy", "-one."];
    const order: string[] = [];
    const reply = streamedMessage(pieces, {
      gapMs: 100,
      onPiece: (index) => void (index === pieces.length - 1 && order.push("last piece")),
    });
    await using harness = await Harness.create({ codex: onAppServer, script: [answer([reply])] });
    const { events } = await turn(await harness.plugin(), harness.request("which number?"), {
      onEvent: ({ type }) => void (type === "text_delta" && order.push("delta")),
    });
    expect(order[0]).toBe("delta");
    expect(order).toContain("last piece");
    expect(joined(events)).toBe(pieces.join(""));
    expect(messagesOf(events)).toHaveLength(1);
  });

  test("keeps the messages of a turn separate, with the phase of each", async () => {
    const [events = []] = await turnsWith([
      streamedMessage(["I will ", "look."], { phase: "commentary" }),
      message("Looked.", "commentary"),
      streamedMessage(["It is ", "71."], { phase: "final_answer" }),
      streamedMessage(["It ", "was."]),
    ]);
    expect(messagesOf(events)).toEqual(["I will look.", "Looked.", "It is 71.", "It was."]);
    const phases = new Map(deltasOf(events).map(({ message_id, phase }) => [message_id, phase]));
    expect([...phases.values()]).toEqual(["commentary", "commentary", "final_answer", undefined]);
  });

  test("is complete with combined characters and line separators", async () => {
    // A family of joined characters, split inside; line separators; a carriage return; combining marks; a flag of tags.
    const pieces = ["👩‍", "👩‍👧", "‍👦 a\u2028", "b\u2029c\u0085", "d\r", "\ne", "\u0301 🏴\u{E0067}", "\u{E007F}\n"];
    const [events = []] = await turnsWith([streamedMessage(pieces), message("e\u2028\u2029")]);
    expect(messagesOf(events)).toEqual([pieces.join(""), "e\u2028\u2029"]);
  });

  test("of 1 MB arrives complete, in a thousand pieces and in one", async () => {
    const piece = `${"0123456789abcde ".repeat(63)}Grüße 👋 \n`;
    const pieces = Array.from({ length: 1024 }, (_, n) => `${n} ${piece}`);
    const long = "a long line ".repeat(100_000);
    const [events = []] = await turnsWith([streamedMessage(pieces), message(long)]);
    const [first, second] = messagesOf(events);
    // Compared by hand, so that a failure does not print a text of 1 MB.
    expect(first === pieces.join("")).toBe(true);
    expect(second === long).toBe(true);
    expect(deltasOf(events).length).toBeGreaterThan(100);
  });

  /** How the deltas and the completed text of one message can disagree. */
  const DISAGREEING: Record<string, [message: ReturnType<typeof streamedMessage>, text: string]> = {
    "not announced": [streamedMessage(["one ", "two"], { isAnnounced: false }), "one two"],
    "not announced, and without deltas": [streamedMessage([], { isAnnounced: false, completed: "one two" }), "one two"],
    "no deltas": [streamedMessage([], { completed: "one two" }), "one two"],
    "the completed text is longer": [streamedMessage(["one "], { completed: "one two" }), "one two"],
    "other white space": [streamedMessage(["one\n", "two "], { completed: "one two" }), "one\ntwo "],
    "an empty completed text": [streamedMessage(["one ", "two"], { completed: "" }), "one two"],
    "empty deltas": [streamedMessage(["", "one ", "", "two", ""]), "one two"],
    // codex skips a delta that is not Unicode.
    "lone surrogates": [streamedMessage(["one ", "\ud83d", "\ude00 two"], { completed: "one 😀 two" }), "one 😀 two"],
  };

  test("reaches the host exactly once, however deltas and completed text disagree", async () => {
    const cases = Object.entries(DISAGREEING);
    const seen = await turnsWith(...cases.map(([, [reply]]): Items => [reply, message("; three")]));
    const found = cases.map(([name], index) => [name, joined(seen[index] ?? [])]);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(cases.map(([name, [, text]]) => [name, `${text}; three`])),
    );
  });

  test("is complete for a host that ignores the deltas", async () => {
    const script = Object.values(DISAGREEING).map(([reply]) => answer([reply, message("; three")]));
    await using harness = await Harness.create({ codex: onAppServer, script });
    await using turns = new AppServerTurns({ keepAliveMs: 60_000, maxKept: 1, codexHome: harness.home.path });
    const { workspace, env } = harness;
    const texts: string[] = [];
    for (const _ of script) {
      await using running = await turns.startTurn({ prompt: "go", binary: codex.path, workspace, env });
      let text = "";
      for await (const event of running.events) {
        if (event.type !== "item.completed" || event.item.type !== "agent_message") continue;
        text += event.item.text;
      }
      texts.push(text);
    }
    const whole = Object.entries(DISAGREEING).map(([name, [, text]]) =>
      name === "other white space" ? "one two" : text,
    );
    expect(texts).toEqual(whole.map((text) => `${text}; three`));
  });
});

describe.each(byEachTransport(testedCodexes()))("a turn on codex $version by $transport", (codex) => {
  test("replaces a lone surrogate", async () => {
    await using harness = await Harness.create({ codex, script: [say("ok"), say("still here")] });
    const plugin = await harness.plugin();
    const request = harness.request("half \ud83d of it\udc00");
    const tool: Tool = { name: "look", description: "Looks \ud83d", input_schema: { type: "object", title: "\udc00" } };
    const conversation = { ...request.request, system: "Be \udc00 brief.", tools: [tool] };
    expect((await turn(plugin, { ...request, request: conversation })).text).toBe("ok");
    expect(harness.model.lastRequest.prompt).toBe("half \ufffd of it\ufffd");
    expect(harness.model.lastRequest.toolNames).toContain("mcp__plexum_host_alice.look");
    expect((await turn(plugin, harness.request("and on"))).text).toBe("still here");
  });

  test("counts its own tokens, including those of a compaction within it", async () => {
    let used = { input: 0, cached: 0, output: 0, reasoning: 0 };
    let compactions = 0;
    /** Each request has a different cost, so that each can be recognized. */
    const bill = (index: number, isLong: boolean) => {
      const cost = {
        input: (isLong ? 9000 : 100) + index,
        cached: 50 + index,
        output: 10 + index,
        reasoning: 1 + index,
      };
      used = {
        input: used.input + cost.input,
        cached: used.cached + cost.cached,
        output: used.output + cost.output,
        reasoning: used.reasoning + cost.reasoning,
      };
      return cost;
    };
    const script = (request: ModelRequest): Reply => {
      const { index, prompt, continuesTurn } = request;
      if (!/^(go|go on)$/.test(prompt) && !prompt.includes("summary of it")) {
        compactions++;
        return say("summary of it", bill(index, false));
      }
      if (prompt === "go" && !continuesTurn)
        return answer([shell("echo looked", { callId: "call_a" })], bill(index, true));
      return say("done", bill(index, false));
    };
    await using harness = await Harness.create({
      codex,
      script,
      config: { extra_args: ["-c", "model_auto_compact_token_limit=5000"] },
    });
    const plugin = await harness.plugin();
    for (const prompt of ["go", "go on"]) {
      used = { input: 0, cached: 0, output: 0, reasoning: 0 };
      const { text, end } = await turn(plugin, harness.request(prompt));
      expect(text).toBe("done");
      expect(end.usage).toEqual({
        input_tokens: used.input,
        cache_read_tokens: used.cached,
        output_tokens: used.output,
        thinking_tokens: used.reasoning,
      });
    }
    expect(compactions).toBe(1);
  });
});

/** Creates a host whose tools answer, fail, or return content other than text. */
const host = {
  async callTool({ name, arguments: args }: HostToolCall) {
    if (name === "fail") throw new Error("the shelf is empty");
    const image = { type: "image", data: PNG, mimeType: "image/png" };
    if (name === "paint") return { content: [{ type: "text", text: "painted" }, image] };
    if (name === "measure") return { content: [], structuredContent: { depth: 3 } };
    return { content: [{ type: "text", text: `value of ${args.key}` }] };
  },
};

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const NAMESPACE = "mcp__plexum_host_alice";

const TOOLS: Tool[] = ["lookup", "fail", "paint", "measure"].map((name) => ({
  name,
  description: `The host's ${name}`,
  input_schema: { type: "object", properties: { key: { type: "string" } } },
}));

const hostCall = (name: string, callId: string) =>
  functionCall(name, { key: callId }, { namespace: NAMESPACE, callId });

/** Returns a turn's tool-call events and texts, without what differs in each run: times, folders, and ids that codex generates. */
function comparable(events: readonly ProviderEvent[]) {
  const ids = new Map<string, string>();
  const known = (id: string) => {
    if (!id.startsWith("exec-")) return id;
    if (!ids.has(id)) ids.set(id, `nested ${ids.size}`);
    return ids.get(id);
  };
  const withoutChance = (value: unknown) =>
    JSON.stringify(value).replace(/\d+\.\d+ seconds|Chunk ID: \w+|plexum-e2e-\w+/g, "…");
  const calls = events.flatMap((event): [type: string, id: unknown, value: string][] => {
    if (event.type === "tool_result") {
      const { tool_call_id, ...result } = event.tool_result;
      return [[event.type, known(tool_call_id), withoutChance(result)]];
    }
    if (!("tool_call" in event)) return [];
    const { id, ...call } = event.tool_call;
    return [[event.type, known(id), withoutChance(call)]];
  });
  return { calls, texts: messagesOf(events) };
}

describe.each(testedCodexes(codex150))("tool calls on codex $version", (codex) => {
  /** Runs the same script over each transport. */
  async function byBoth(options: Omit<HarnessOptions, "codex" | "script"> & { readonly script: () => Reply[] }) {
    const seen = [];
    for (const { transport } of byEachTransport([codex])) {
      await using harness = await Harness.create({
        ...options,
        script: options.script(),
        codex: { ...codex, transport },
      });
      const request = harness.request("go", { request: { messages: [user("go")], tools: TOOLS } });
      const { events, end } = await turn(await harness.plugin(host), request);
      expect(end.stop_reason).toBe("end_turn");
      seen.push(comparable(events));
    }
    const [onAppServer, byExec] = seen;
    expect(onAppServer).toEqual(byExec);
    return onAppServer?.calls ?? [];
  }

  /** Each of these calls has a start, its arguments, an end, and a result. */
  const whole = (...ids: string[]) =>
    ids.flatMap((id) =>
      ["tool_call_start", "tool_call_delta", "tool_call_end", "tool_result"].map((type) => [type, id]),
    );

  const outlineOf = (calls: Awaited<ReturnType<typeof byBoth>>) => calls.map(([type, id]) => [type, id]).sort();

  test("of every direct kind are the same by both transports, and none is repeated", async () => {
    const patch = "*** Begin Patch\n*** Add File: a.txt\n+text\n*** End Patch";
    const calls = await byBoth({
      script: () => [
        answer([
          message("first"),
          shell("echo one; exit 3", { callId: "call_shell" }),
          customCall("apply_patch", patch, { callId: "call_patch" }),
          functionCall("update_plan", { plan: [{ step: "look", status: "pending" }] }, { callId: "call_plan" }),
          functionCall("no_such_tool", { key: 1 }, { callId: "call_unknown" }),
          functionCall("exec_command", "{not json", { callId: "call_bad" }),
          hostCall("lookup", "call_lookup"),
        ]),
        answer([message("second"), hostCall("fail", "call_fail")]),
        answer([hostCall("paint", "call_paint")]),
        answer([hostCall("measure", "call_measure")]),
        say("done"),
      ],
    });
    const ids = ["shell", "patch", "plan", "unknown", "bad", "lookup", "fail", "paint", "measure"];
    expect(outlineOf(calls)).toEqual(whole(...ids.map((id) => `call_${id}`)).sort());
  });

  test.each(since("0.144.0")(codex) ? ["direct", "nested"] : [])(
    "%s in code mode are the same by both transports, and none is repeated",
    async (code_mode_tools) => {
      const nested =
        `const r = await tools.${NAMESPACE}__lookup({key: "deep"}); text(r.content[0].text);` +
        `const c = await tools.exec_command({cmd: "echo inner"}); text(c.output);`;
      const script = code_mode_tools === "nested" ? nested : `text("only a script");`;
      const calls = await byBoth({
        home: { model: "gpt-5.6-sol" },
        config: { code_mode_tools },
        script: () => [
          answer([message("first"), codeModeScript(script, { callId: "call_script" })]),
          answer([codeModeScript("throw new Error('no');", { callId: "call_throws" })]),
          ...(code_mode_tools === "direct" ? [answer([hostCall("lookup", "call_lookup")])] : []),
          say("done"),
        ],
      });
      // The rollout has a script's commands from 0.148 on; it always has its calls of tools.
      const inScripts = since("0.148.0")(codex) ? ["nested 0", "nested 1"] : ["nested 0"];
      const others = code_mode_tools === "nested" ? inScripts : ["call_lookup"];
      expect(outlineOf(calls)).toEqual(whole("call_script", "call_throws", ...others).sort());
    },
  );
});
