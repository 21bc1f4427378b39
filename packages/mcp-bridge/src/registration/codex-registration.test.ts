import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { testedCodexes } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runTurn } from "../../test/codex-turn.ts";
import { relayCommand } from "../../test/relay-command.ts";
import { startBridge } from "../socket/socket-bridge.ts";
import {
  codexEnvironment,
  codexNamespace,
  codexOverrides,
  codexServerName,
  globalRegistrations,
  identifyCodexCall,
  registerGlobally,
  unregisterGlobally,
} from "./codex-registration.ts";

const run = promisify(execFile);
const server = (agentId: string) => ({
  agentId,
  socketPath: "/run/a.sock",
  command: "/usr/bin/node",
  args: ["mcp-host"],
});

describe("a server's name", () => {
  test("is the agent's id, if a name can hold it", () => {
    expect(["alice", "my-agent", "Agent7"].map(codexServerName)).toEqual([
      "plexum-host-alice",
      "plexum-host-my-agent",
      "plexum-host-Agent7",
    ]);
  });

  test("shows what it can of any other id", () => {
    expect(["", "a/b", "a_b", "🦊", "../../..", "x".repeat(300)].map(codexServerName)).toEqual([
      "plexum-host-12ae32cb1e",
      expect.stringMatching(/^plexum-host-a-b-[0-9a-f]{10}$/),
      expect.stringMatching(/^plexum-host-a-b-[0-9a-f]{10}$/),
      expect.stringMatching(/^plexum-host-[0-9a-f]{10}$/),
      expect.stringMatching(/^plexum-host-[0-9a-f]{10}$/),
      expect.stringMatching(/^plexum-host-x{9}-[0-9a-f]{10}$/),
    ]);
  });

  test("is no other id's, nor is the namespace that codex makes of it", () => {
    const id = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.array(fc.constantFrom("a", "A", "-", "_", "/", " "), { maxLength: 4 }).map((letters) => letters.join("")),
    );
    // An id that looks like another's name with its hash is the nearest to a collision.
    const ids = id.chain((first) =>
      fc.tuple(fc.constant(first), fc.oneof(id, fc.constant(codexServerName(first).slice("plexum-host-".length)))),
    );
    fc.assert(
      fc.property(ids, ([a, b]) => {
        const [one, two] = [codexServerName(a), codexServerName(b)];
        expect(one).toMatch(/^[A-Za-z0-9-]{1,32}$/);
        if (a !== b) expect(codexNamespace(one)).not.toBe(codexNamespace(two));
      }),
    );
  });
});

describe("the overrides", () => {
  test.each(testedCodexes())("mean in codex $version what they meant here, whatever the values hold", async (codex) => {
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
    const nasty = [`"'\\\n\r\t\x01\x1b\x7f`, "$HOME $(id) `id`", "a=b,c]d}e#f", "\u2028 🦊 é", "", "-c", "'''", '"""'];
    const values = { agentId: nasty.join(), socketPath: nasty.join(""), command: `/bin/${nasty[0]}`, args: nasty };
    const overrides = codexOverrides(values, { maxCallMs: 90_500, startupTimeoutMs: 2000 });
    const name = codexServerName(values.agentId);
    const { stdout } = await run(codex.path, [...overrides, "mcp", "get", name, "--json"], { env: home.env });
    expect(JSON.parse(stdout)).toMatchObject({
      transport: {
        type: "stdio",
        command: values.command,
        args: nasty,
        env: { PLEXUM_MCP_SOCKET: values.socketPath, PLEXUM_MCP_AGENT_ID: values.agentId },
        env_vars: ["PLEXUM_MCP_TOKEN"],
      },
      startup_timeout_sec: 2,
      tool_timeout_sec: 120.5,
    });
  });

  test("hold no token, which would appear on codex's command line", () => {
    const bridge = { ...server("alice"), token: "s3cret" };
    expect(codexOverrides(bridge).join()).not.toContain("s3cret");
    expect(Object.values(codexEnvironment(bridge.token))).toEqual(["s3cret"]);
  });

  test("refuse a NUL and an invalid time", () => {
    const invalid = expect.objectContaining({ code: "invalid_value" });
    expect(() => codexOverrides(server("a\0"))).toThrow(invalid);
    expect(() => codexOverrides(server("a"), { maxCallMs: Number.NaN })).toThrow(invalid);
    expect(() => codexOverrides(server("a"), { startupTimeoutMs: 0 })).toThrow(invalid);
  });

  test("have a number for any time", () => {
    const overrides = codexOverrides(server("a"), { maxCallMs: Infinity, startupTimeoutMs: Infinity });
    expect(overrides).toContain("mcp_servers.plexum-host-a.startup_timeout_sec=2147483.647");
    expect(overrides).toContain("mcp_servers.plexum-host-a.tool_timeout_sec=2147513.647");
  });
});

test("what codex sends with a call is read if present", () => {
  expect(identifyCodexCall({ progressToken: 1 })).toEqual({});
  expect(identifyCodexCall({ callId: 7, itemId: null, "x-codex-turn-metadata": "?" })).toEqual({});
  expect(
    identifyCodexCall({ callId: "c", itemId: "i", threadId: "t", "x-codex-turn-metadata": { turn_id: "u" } }),
  ).toEqual({ callId: "c", itemId: "i", threadId: "t", turnId: "u" });
});

describe.each(testedCodexes())("in the config of codex $version", (codex) => {
  test("a server is added, left alone if it is there already, changed, and removed", { timeout: 30_000 }, async () => {
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
    const how = { codex: codex.path, env: home.env };
    const config = () => readFile(join(home.path, "config.toml"), "utf8");
    const nasty = `"quoted"\n= 🦊`;

    expect(await registerGlobally(server(nasty), how)).toBe("added");
    const first = await config();
    expect(first).toContain(codexServerName(nasty));
    expect(await registerGlobally(server(nasty), how)).toBe("unchanged");
    expect(await config()).toBe(first);
    expect(await registerGlobally({ ...server(nasty), socketPath: "/run/b.sock" }, how)).toBe("added");
    expect(await config()).toContain("/run/b.sock");
    expect(await config()).not.toContain("/run/a.sock");
    expect(await unregisterGlobally(nasty, how)).toBe("removed");
    expect(await unregisterGlobally(nasty, how)).toBe("absent");
    expect(await config()).not.toContain("plexum-host");
  });

  test("the bridges' servers are listed, and removed one by one", { timeout: 30_000 }, async () => {
    const config = '[mcp_servers.other]\ncommand = "other"\n\n[mcp_servers.remote]\nurl = "http://127.0.0.1:9/mcp"\n';
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1", config });
    const how = { codex: codex.path, env: home.env };
    expect(await globalRegistrations(how)).toEqual([]);
    for (const id of ["alice", "bob"]) await registerGlobally(server(id), how);
    const found = await globalRegistrations(how);
    expect(found).toMatchObject(
      ["alice", "bob"].map((id) => ({
        name: `plexum-host-${id}`,
        command: [server(id).command, ...server(id).args],
      })),
    );
    expect(await found[0]?.remove()).toBe(true);
    expect((await globalRegistrations(how)).map(({ name }) => name)).toEqual(["plexum-host-bob"]);
    expect(await readFile(join(home.path, "config.toml"), "utf8")).toContain("[mcp_servers.other]");
  });

  test("the rest of the file is unchanged, including comments", { timeout: 30_000 }, async () => {
    const config = `# ours\n[mcp_servers.other] # whose\n# why\ncommand = "other"\nstartup_timeout_sec = 7\n\n# the end\n`;
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1", config });
    const how = { codex: codex.path, env: home.env };
    const read = () => readFile(join(home.path, "config.toml"), "utf8");
    const before = await read();
    for (const id of ["alice", "bob"]) expect(await registerGlobally(server(id), how)).toBe("added");
    expect(await registerGlobally({ ...server("alice"), socketPath: "/run/b.sock" }, how)).toBe("added");
    expect((await read()).startsWith(before)).toBe(true);
    expect(await unregisterGlobally("alice", how)).toBe("removed");
    for (const registration of await globalRegistrations(how)) expect(await registration.remove()).toBe(true);
    expect(await read()).toBe(before);
    expect((await readdir(home.path)).filter((name) => name.startsWith("config.toml"))).toEqual(["config.toml"]);
  });

  test.each([
    ["a missing file", undefined],
    ["an inline table", 'mcp_servers = { other = { command = "other" } }\n'],
    ["a string of many lines", 'instructions = """\n[mcp_servers.plexum-host-alice]\n"""\n'],
  ])("where codex must write %s itself, it does", { timeout: 30_000 }, async (_, config) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "config.toml");
    if (config !== undefined) await writeFile(path, config);
    const how = { codex: codex.path, env: { ...process.env, CODEX_HOME: folder.path } };
    expect(await registerGlobally(server("alice"), how)).toBe("added");
    expect((await globalRegistrations(how)).map(({ name }) => name)).toEqual(["plexum-host-alice"]);
    expect(await unregisterGlobally("alice", how)).toBe("removed");
    expect(await globalRegistrations(how)).toEqual([]);
    if (config !== undefined) expect(await readFile(path, "utf8")).toContain(config.includes('"""') ? config : "other");
  });

  test("a server whose bridge is listening stays", { timeout: 30_000 }, async () => {
    await using folder = await temporaryFolder();
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
    const how = { codex: codex.path, env: home.env };
    const socketPath = join(folder.path, "alice");
    const bridge = await startBridge({
      agentId: "alice",
      socketPath,
      tools: [],
      callTool: async () => ({ content: [] }),
    });
    await registerGlobally({ ...server("alice"), socketPath }, how);
    const [found] = await globalRegistrations(how);
    expect(await found?.remove()).toBe(false);
    await bridge.close();
    expect(await found?.remove()).toBe(true);
    expect(await globalRegistrations(how)).toEqual([]);
  });

  test("no server is lost when many are added at once", { timeout: 30_000 }, async () => {
    await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1" });
    const ids = Array.from({ length: 8 }, (_, n) => `agent-${n}`);
    await Promise.all(ids.map((id) => registerGlobally(server(id), { codex: codex.path, env: home.env })));
    const config = await readFile(join(home.path, "config.toml"), "utf8");
    expect(ids.filter((id) => config.includes(`[mcp_servers.${codexServerName(id)}]`))).toEqual(ids);
  });

  test("each agent's tools are its own turn's, though codex starts every relay", { timeout: 30_000 }, async () => {
    await using folder = await temporaryFolder();
    await using model = await ScriptedModel.start();
    await using home = await CodexHome.create({ baseUrl: model.baseUrl });
    await using stack = new AsyncDisposableStack();
    const bridges = await Promise.all(
      ["alice", "bob"].map(async (agentId) => {
        const tools = [{ name: `tool_of_${agentId}` }];
        const socketPath = join(folder.path, agentId);
        const bridge = await startBridge({ agentId, socketPath, tools, callTool: async () => ({ content: [] }) });
        await registerGlobally({ ...bridge, ...relayCommand }, { codex: codex.path, env: home.env });
        return stack.use(bridge);
      }),
    );
    for (const bridge of bridges) {
      const turn = await runTurn({ codex, home, bridge, isRegistered: true });
      expect(turn.code, turn.stderr).toBe(0);
      const tools = model.lastRequest.toolNames.filter((name) => name.startsWith("mcp__"));
      expect(tools).toEqual([`mcp__plexum_host_${bridge.agentId}.tool_of_${bridge.agentId}`]);
    }
  });
});

test("a codex that can't be run, or fails, is named", async () => {
  await expect(registerGlobally(server("a"), { codex: "/nowhere/codex" })).rejects.toMatchObject({
    code: "registration_failed",
    message: expect.stringContaining("ENOENT"),
  });
  await using home = await CodexHome.create({ baseUrl: "http://127.0.0.1:9/v1", config: "not toml" });
  await expect(registerGlobally(server("a"), { codex: newestCodex.path, env: home.env })).rejects.toMatchObject({
    code: "registration_failed",
    message: expect.stringContaining("config.toml"),
  });
});

test.each(["hello", "{}", '[{"name":7}]'])("a codex that answers with %s is named", async (answer) => {
  const how = { codex: process.execPath, codexArgs: ["-p", JSON.stringify(answer)], timeoutMs: Infinity };
  const failed = { code: "registration_failed", message: expect.stringMatching(/`codex mcp (get|list) .*` failed/) };
  await expect(registerGlobally(server("a"), how)).rejects.toMatchObject(failed);
  await expect(unregisterGlobally("a", how)).rejects.toMatchObject(failed);
  await expect(globalRegistrations(how)).rejects.toMatchObject(failed);
});
