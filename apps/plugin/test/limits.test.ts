import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { answer, say } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { byEachTransport, Harness, turn } from "./harness.ts";

/** Returns the process's peak resident memory, in bytes. */
const peakMemory = (pid: number) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

test.each(byEachTransport(testedCodexes()))(
  "a line of 64 MiB on the stdout of codex $version by $transport neither ends the turn nor exhausts the memory",
  async (codex) => {
    const bytes = 64 * 1024 * 1024;
    const part = { type: "output_text", text: "x".repeat(256 * 1024) };
    const longMessage = {
      type: "message",
      role: "assistant",
      id: "msg_long",
      content: Array(bytes / part.text.length).fill(part),
    };
    await using harness = await Harness.create({
      codex,
      script: [say("ready"), answer([longMessage]), say("next")],
    });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("warm up"));
    const before = peakMemory(plugin.pid as number);
    const { end } = await turn(plugin, harness.request("say much"));
    expect(end.stop_reason).toBe("end_turn");
    // Proves that the line was that long: the plugin reports what it could not read.
    expect(harness.logs.find(({ message }) => message.includes("too large to read"))?.fields).toMatchObject({
      event: codex.transport === "exec" ? "item.completed" : "item/started",
    });
    expect(peakMemory(plugin.pid as number) - before).toBeLessThan(4 * bytes);
    const elsewhere = { agent_id: "bob", workspace: join(harness.folder, "elsewhere") };
    expect((await turn(plugin, harness.request("hi", { agent: elsewhere }))).text).toBe("next");
  },
  // codex itself takes 8 to 14 s for a message of that size.
  120_000,
);

test("each invalid message of the host is answered with an error, and the plugin keeps running", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: [say("still serving")] });
  const plugin = await harness.plugin();
  const wrong = { ...harness.request("hi"), agent: { agent_id: "alice" } } as never;
  await expect(turn(plugin, wrong)).rejects.toMatchObject({
    rpcCode: -32602,
    message: expect.stringContaining("workspace"),
  });
  await expect(plugin.callTool({ name: "nothing" })).rejects.toMatchObject({ code: "rpc" });
  // 10 MB of conversation in one line.
  const long = [{ role: "assistant" as const, content: [{ type: "text" as const, text: "x".repeat(10_000_000) }] }];
  const { text } = await turn(plugin, {
    ...harness.request("hi"),
    request: { messages: [...long, ...harness.request("hi").request.messages] },
  });
  expect(text).toBe("still serving");
});

test("a host may write null for optional values", async () => {
  await using harness = await Harness.create({ codex: newestCodex, script: [say("fine")] });
  const { messages } = harness.request("hi").request;
  const request = { ...harness.request("hi"), request: { messages, tools: null, system: null } };
  expect((await turn(await harness.plugin(), request)).text).toBe("fine");
});
