// Clients that were written elsewhere, through the relay.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpGateway } from "../test/http-gateway.ts";
import { relayEnvironment } from "../test/relay-client.ts";
import { relayCommand } from "../test/relay-command.ts";
import type { CallTool, ToolResult } from "./server/tool-call.ts";
import type { BridgeTool } from "./server/tools.ts";
import { startBridge } from "./socket/socket-bridge.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const run = promisify(execFile);
const resolve = createRequire(import.meta.url).resolve;
const packageFolder = (name: string) => dirname(resolve(`${name}/package.json`));

const text = (text: string) => ({ type: "text", text });
const image = { type: "image", data: "iVBORw0KGgo=", mimeType: "image/png" };
const resource = { type: "resource", resource: { uri: "test://embedded", mimeType: "text/plain", text: "embedded" } };

/** The schema that the conformance suite wants to see again keyword by keyword. */
const schema2020 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: { address: { type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
  properties: { name: { type: "string" }, address: { $ref: "#/$defs/address" } },
  additionalProperties: false,
};

/** What each tool that the conformance suite calls has to return. */
const results: Record<string, ToolResult> = {
  test_simple_text: { content: [text("This is a simple text response for testing.")] },
  test_image_content: { content: [image] },
  test_audio_content: { content: [{ type: "audio", data: "UklGRg==", mimeType: "audio/wav" }] },
  test_embedded_resource: { content: [resource] },
  test_multiple_content_types: { content: [text("Multiple content types test:"), image, resource] },
  test_error_handling: { content: [text("This tool intentionally returns an error for testing")], isError: true },
  test_tool_with_progress: { content: [text("done")] },
  json_schema_2020_12_tool: { content: [text("done")] },
};

const tools: BridgeTool[] = Object.keys(results).map((name) => ({
  name,
  description: `Answers as ${name} must`,
  inputSchema: name === "json_schema_2020_12_tool" ? schema2020 : { type: "object", properties: {} },
}));

const callTool: CallTool = async ({ name, reportProgress }) => {
  if (name === "test_tool_with_progress") {
    for (const progress of [0, 50, 100]) {
      reportProgress({ progress, total: 100 });
      await delay(50);
    }
  }
  return results[name] as ToolResult;
};

async function startTestBridge() {
  const folder = stack.use(await temporaryFolder());
  return stack.use(await startBridge({ agentId: "alice", socketPath: join(folder.path, "a.sock"), tools, callTool }));
}

describe("MCP Inspector's command line", () => {
  let environment: string[];
  beforeAll(async () => {
    environment = Object.entries(relayEnvironment(await startTestBridge())).flatMap(([k, v]) => ["-e", `${k}=${v}`]);
  });

  async function inspect(...args: string[]) {
    const main = join(packageFolder("@modelcontextprotocol/inspector"), "clients/launcher/build/index.js");
    const { command, args: relayArgs } = relayCommand;
    const { stdout } = await run(process.execPath, [main, "--cli", command, ...relayArgs, ...environment, ...args]);
    return JSON.parse(stdout);
  }

  test("lists the tools", { timeout: 30_000 }, async () => {
    const listed = await inspect("--method", "tools/list");
    expect(listed.tools.map(({ name }: BridgeTool) => name)).toEqual(Object.keys(results));
  });

  test("calls one", { timeout: 30_000 }, async () => {
    const called = await inspect("--method", "tools/call", "--tool-name", "test_multiple_content_types");
    expect(called).toMatchObject(results.test_multiple_content_types as object);
  });
});

describe("MCP's conformance suite", () => {
  let url: string;
  beforeAll(async () => {
    const env = relayEnvironment(await startTestBridge());
    url = stack.use(await httpGateway({ ...relayCommand, env })).url;
  });

  // The others are about what this server doesn't offer (prompts, resources, logging, sampling, …) or about HTTP.
  test.each([
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-error",
    "tools-call-with-progress",
    "json-schema-2020-12",
  ])("finds nothing amiss in %s", { timeout: 30_000 }, async (scenario) => {
    const main = join(packageFolder("@modelcontextprotocol/conformance"), "dist/index.js");
    const { stdout } = await run(process.execPath, [main, "server", "--url", url, "--scenario", scenario]);
    expect(stdout).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed, 0 warnings/);
  });
});
