import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { newestCodex } from "@plexum/real-codex";
import { expect, test } from "vitest";
import { Harness, PLUGIN } from "./harness.ts";

test("lines that are not requests are answered with JSON-RPC's errors", async () => {
  await using harness = await Harness.create({ codex: newestCodex });
  const plugin = spawn(process.execPath, [PLUGIN], { env: harness.env, stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: plugin.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string) => {
    plugin.stdin.write(`${line}\n`);
    for (;;) {
      const { value } = await answers.next();
      const message = JSON.parse(value as string);
      if (!("method" in message)) return message;
    }
  };
  const initialize = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } };
  expect(await ask("{nonsense")).toMatchObject({ id: null, error: { code: -32700 } });
  expect(await ask("[]")).toMatchObject({ error: { code: -32600 } });
  expect(await ask(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: initialize }))).toMatchObject({
    result: { capabilities: { experimental: { "plexum/plugin": { manifest: { name: "plexum-openai-provider" } } } } },
  });
  expect(await ask(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "no/such" }))).toMatchObject({
    id: 2,
    error: { code: -32601 },
  });
  expect(
    await ask(JSON.stringify({ jsonrpc: "2.0", id: 3, method: "plexum/provider/stream", params: { stream_id: 1 } })),
  ).toMatchObject({
    id: 3,
    error: { code: -32602 },
  });
  expect(
    await ask(
      JSON.stringify({ jsonrpc: "2.0", id: 4, method: "no/such", params: { padding: "x".repeat(10_000_000) } }),
    ),
  ).toMatchObject({ id: 4 });
  plugin.stdin.end();
  expect(await once(plugin, "exit")).toEqual([0, null]);
});

test.each([
  ["an unknown subcommand", ["dance"], "dance"],
  ["an unknown flag of mcp-host", ["mcp-host", "--dance"], "--dance"],
  ["a flag of mcp-host without its value", ["mcp-host", "--socket"], "--socket needs a value"],
  ["mcp-unregister without an agent", ["mcp-unregister"], "--agent-id is missing"],
  ["mcp-host without a socket", ["mcp-host", "--agent-id", "alice"], "PLEXUM_MCP_SOCKET"],
])("%s is refused on stderr, with exit code 1", async (_name, args, said) => {
  const plugin = spawn(process.execPath, [PLUGIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(plugin.stdout),
    text(plugin.stderr),
    once(plugin, "close"),
  ]);
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: "", stderr: expect.stringContaining(said) });
});
