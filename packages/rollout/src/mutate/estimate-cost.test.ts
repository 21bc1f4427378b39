import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import { answer, type ModelRequest, type Reply, say, shell } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it } from "vitest";
import { type CallEdit, consumeHeavy, consumeLight, mutateRollout } from "../index.ts";
import { CodexThread, EXEC_FLAGS } from "../testing/codex-thread.ts";

type Item = ModelRequest["input"][number];

/** A tokenizer and a prompt cache. A request has instructions and tools, then items. The prefix shared with the last request is cached. */
class CountingModel {
  static readonly INSTRUCTIONS = 3_000;
  last: readonly Item[] = [];
  /** The cached tokens of the last request. */
  cached = 0;
  readonly #charactersPerToken: number;

  constructor(charactersPerToken: number) {
    this.#charactersPerToken = charactersPerToken;
  }

  tokensOf(items: readonly Item[]): number {
    return items.reduce((sum, item) => sum + Math.ceil(textOf(item).length / this.#charactersPerToken) + 4, 0);
  }

  /** Returns a reply with the true figures of a request. */
  counted(request: ModelRequest, reply: Reply): Reply {
    if (reply.kind !== "answer") return reply;
    const common = request.input.findIndex((item, index) => textOf(item) !== textOf(this.last[index]));
    const kept = request.input.slice(0, common === -1 ? request.input.length : common);
    const isFirst = this.last.length === 0;
    this.cached = isFirst ? 0 : CountingModel.INSTRUCTIONS + this.tokensOf(kept);
    this.last = request.input;
    const input = CountingModel.INSTRUCTIONS + this.tokensOf(request.input);
    const output = this.tokensOf(reply.items as unknown as Item[]);
    return { ...reply, usage: { input, cached: this.cached, output } };
  }
}

function textOf(item: Item | undefined): string {
  const { arguments: given, input, output, content } = (item ?? {}) as Record<string, unknown>;
  return [given, input, output, content].flatMap((part) => (part === undefined ? [] : [textIn(part)])).join();
}

const textIn = (part: unknown): string =>
  typeof part === "string"
    ? part
    : Array.isArray(part)
      ? part.map((block) => (block as { text?: string }).text ?? "").join("")
      : "";

const print = (words: number, callId: string) =>
  shell(`for i in $(seq ${words}); do printf 'word %d of ${callId}\\n' $i; done`, { callId });

const TURNS: Reply[][] = [
  [answer([print(200, "call_1")]), answer([print(40, "call_2")]), answer([print(300, "call_3")]), say("first")],
  [answer([print(100, "call_4"), print(250, "call_5")]), say("second, and a little more of it")],
  [answer([print(60, "call_6")]), say("third")],
];

const EDITS: [string, CallEdit[]][] = [
  ["the first, light", [consumeLight("call_1")]],
  ["a large one in the middle, heavy", [consumeHeavy("call_3")]],
  ["two of several turns", [consumeLight("call_3"), consumeHeavy("call_4")]],
  ["the second of two at once", [consumeLight("call_5")]],
  ["all", ["call_1", "call_2", "call_3", "call_4", "call_5", "call_6"].map(consumeLight)],
];

const near = (value: number, truth: number) => {
  expect(value).toBeGreaterThan(truth * 0.9);
  expect(value).toBeLessThan(truth * 1.1);
};

describe.each(testedCodexes())("what a mutation frees and costs, with codex $version", (codex) => {
  it.each([3.1, 4.6])("is estimated within a tenth at %d characters a token", async (charactersPerToken) => {
    await using thread = await CodexThread.create({ codex });
    const model = new CountingModel(charactersPerToken);
    const turn = async (replies: readonly Reply[]) => {
      let played = 0;
      thread.model.play((request) => model.counted(request, replies[played++] ?? say("over")));
      const resume = thread.threadId === "" ? [] : ["resume", thread.threadId];
      await thread.run(["exec", ...EXEC_FLAGS, ...resume, "go on"]);
    };
    for (const replies of TURNS) await turn(replies);
    const path = await thread.rollout();
    const { last } = model;

    for (const [what, edits] of EDITS) {
      const ids = edits.map(({ callId }) => callId);
      const edited = last.map((item) => {
        const edit = edits.find(({ callId }) => callId === item.call_id);
        const isOutput = String(item.type).endsWith("_output");
        if (edit === undefined || (!isOutput && edit.arguments === undefined)) return item;
        return { ...item, ...(isOutput ? { output: edit.output } : { arguments: edit.arguments }) } as Item;
      });
      const first = last.findIndex((item, index) => item !== edited[index]);
      const report = await mutateRollout(path, edits, { dryRun: true, estimate: true });
      expect(report.touched, what).toEqual(ids);
      near(report.cost?.tokensFreed ?? 0, model.tokensOf(last) - model.tokensOf(edited));
      near(report.cost?.tokensUncached ?? 0, model.tokensOf(edited.slice(first)));
    }

    // Compare with what the next request really reads without the cache, minus what is new in it.
    const [, edits] = EDITS[2] as (typeof EDITS)[number];
    const { cost } = await mutateRollout(path, edits, { estimate: true });
    await turn([say("fourth")]);
    const isNew = model.tokensOf(model.last.slice(last.length));
    const input = CountingModel.INSTRUCTIONS + model.tokensOf(model.last);
    near(cost?.tokensUncached ?? 0, input - model.cached - isNew);
  });
});

describe("an estimate", () => {
  const line = (type: string, payload: object) =>
    `${JSON.stringify({ timestamp: "2026-01-02T03:04:05Z", type, payload })}\n`;
  const call = (id: string) =>
    line("response_item", { type: "function_call", name: "x", arguments: "{}", call_id: id });
  const output = (id: string, text: unknown = "secret ".repeat(500)) =>
    line("response_item", { type: "function_call_output", call_id: id, output: text });
  const count = (input_tokens: number, cached_input_tokens: number) => {
    const usage = { input_tokens, cached_input_tokens, output_tokens: 10 };
    return line("event_msg", { type: "token_count", info: { total_token_usage: usage, last_token_usage: usage } });
  };
  const started = (id: string) =>
    line("event_msg", { type: "task_started", turn_id: id }) +
    line("event_msg", { type: "user_message", message: "go on" });
  const meta = line("session_meta", { id: "t" });

  async function costOf(content: string, ids: readonly string[]) {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "rollout.jsonl");
    await writeFile(path, content);
    const { cost } = await mutateRollout(path, ids.map(consumeLight), { estimate: true });
    return cost;
  }

  it("has no cost if the provider caches nothing", async () => {
    const content = meta + started("1") + call("a") + output("a") + count(100, 0) + count(1000, 0);
    expect(await costOf(content, ["a"])).toEqual({ tokensFreed: expect.closeTo(900, -2), tokensUncached: 0 });
  });

  it("frees nothing in what a compaction has summarized or a rollback has removed", async () => {
    const one = meta + started("1") + call("a") + output("a") + count(100, 50) + count(1000, 100);
    const compacted = line("compacted", { message: "summary", replacement_history: [] });
    expect(await costOf(one + compacted, ["a"])).toEqual({ tokensFreed: 0, tokensUncached: 0 });
    const rolledBack = line("event_msg", { type: "thread_rolled_back", num_turns: 1 });
    expect(await costOf(one + rolledBack, ["a"])).toEqual({ tokensFreed: 0, tokensUncached: 0 });
    const both = one + compacted + started("2") + call("b") + output("b") + count(200, 100) + count(1100, 200);
    expect(await costOf(both, ["a", "b"])).toMatchObject({ tokensFreed: expect.closeTo(900, -2) });
  });

  it("counts an image as codex does", async () => {
    const image = [{ type: "input_image", image_url: `data:image/png;base64,${"A".repeat(1e6)}` }];
    const content = meta + started("1") + call("a") + output("a", image) + count(100, 50) + count(2000, 100);
    expect((await costOf(content, ["a"]))?.tokensFreed).toBeGreaterThan(1_800);
    expect((await costOf(content, ["a"]))?.tokensFreed).toBeLessThan(1_900);
  });

  it("searches the end of a long file for the last count and for compactions, and reads only a part of the rest", async () => {
    const filler = line("event_msg", { type: "agent_message", message: "x".repeat(1e6) }).repeat(40);
    const long = meta + started("1") + call("a") + output("a") + count(100, 50) + count(1000, 100) + filler;
    expect(await costOf(long + count(9000, 8000), ["a"])).toMatchObject({ tokensUncached: expect.closeTo(8000, -2) });
    const compacted = line("compacted", { message: "summary", replacement_history: [] });
    expect(await costOf(long + compacted + filler + count(500, 0), ["a"])).toEqual({
      tokensFreed: 0,
      tokensUncached: 0,
    });
  });

  it("assumes four bytes per token in a thread without counts", async () => {
    expect(await costOf(meta + call("a") + output("a"), ["a"])).toEqual({ tokensFreed: 872, tokensUncached: 0 });
  });

  it("is made only if requested, and is zero if nothing changes", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "rollout.jsonl");
    await writeFile(path, meta + call("a") + output("a"));
    expect((await mutateRollout(path, [consumeLight("a")])).cost).toBeUndefined();
    const again = await mutateRollout(path, [consumeLight("a")], { estimate: true });
    expect(again.cost).toEqual({ tokensFreed: 0, tokensUncached: 0 });
  });
});
