import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdir } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { relayCommand } from "../../test/relay-command.ts";
import { firstLine } from "../socket/first-line.ts";
import { answerLine } from "../socket/handshake.ts";
import { startBridge } from "../socket/socket-bridge.ts";
import { runRelay } from "./run-relay.ts";

const isRoot = process.getuid?.() === 0;
const TOKEN = "s3cret";

function start(env: Record<string, string>, args: string[] = []) {
  const child = spawn(relayCommand.command, [...relayCommand.args, ...args], {
    env: { ...process.env, ...env },
    stdio: "pipe",
  });
  const stderr = text(child.stderr);
  const exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
  return { child, stderr, exited };
}

const relay = (socketPath: string, { agentId = "alice", token = TOKEN } = {}) =>
  start({ PLEXUM_MCP_SOCKET: socketPath, PLEXUM_MCP_AGENT_ID: agentId, PLEXUM_MCP_TOKEN: token });

const bridgeAt = (socketPath: string) =>
  startBridge({
    agentId: "alice",
    token: TOKEN,
    socketPath,
    tools: [{ name: "now" }],
    callTool: async () => ({ content: [] }),
  });

/** A host that lets every relay in and then does as the test says. */
async function serverAt(path: string, serve: (socket: Socket, greeting: unknown) => unknown) {
  const sockets = new Set<Socket>();
  const server: Server = createServer(async (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const greeting = JSON.parse((await firstLine(socket, 5000)) ?? "null");
    socket.write(answerLine({ accepted: true }));
    serve(socket, greeting);
  });
  server.listen(path);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const request = (id: number, method: string, params?: object) =>
  `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`;

const initialize = request(0, "initialize", { protocolVersion: "2025-03-26", capabilities: {}, clientInfo: {} });

/** Says all that a client without interest in tools says, and returns the answers once there are so many. */
async function converse(child: ReturnType<typeof relay>["child"], lines: string, answers: number) {
  child.stdin.write(lines);
  let received = "";
  for await (const chunk of child.stdout) {
    received += chunk;
    const complete = received.split("\n").slice(0, -1);
    if (complete.length >= answers) return complete.map((line) => JSON.parse(line));
  }
  throw new Error(`the relay ended after ${received}`);
}

describe("with a bridge, the relay", () => {
  test("greets it, then carries every byte both ways", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const greetings: unknown[] = [];
    await using _ = await serverAt(path, (socket, greeting) => {
      greetings.push(greeting);
      socket.pipe(socket);
    });
    const { child, exited } = relay(path);
    const size = 30 * 1024 * 1024;
    const sent = Buffer.alloc(size, "0123456789abcdef\n\r\x00\xff", "latin1");
    child.stdin.write(sent);
    const received: Buffer[] = [];
    let length = 0;
    for await (const chunk of child.stdout) {
      received.push(chunk);
      length += chunk.length;
      if (length >= size) break;
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    expect(greetings).toEqual([{ plexum_mcp_bridge: 1, agent_id: "alice", token: TOKEN }]);
    child.stdin.end();
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("passes on the last bytes of stdin before it closed", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const { promise: heard, resolve } = Promise.withResolvers<string>();
    await using _ = await serverAt(path, (socket) => resolve(text(socket)));
    const { child, exited } = relay(path);
    child.stdin.end("last words");
    expect(await heard).toBe("last words");
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("passes on the last bytes of the bridge before it closed, and ends although stdin is open", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const words = "x".repeat(1024 * 1024);
    await using _ = await serverAt(path, (socket) => socket.end(words));
    const { child, exited } = relay(path);
    expect(await text(child.stdout)).toBe(words);
    expect(await exited).toEqual({ code: 0, signal: null });
  });

  test("ends on SIGTERM", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    await using _ = await serverAt(path, (socket) => {
      socket.resume().on("close", resolve);
      socket.write("ready");
    });
    const { child, exited } = relay(path);
    await once(child.stdout, "data");
    child.kill("SIGTERM");
    expect(await exited).toEqual({ code: null, signal: "SIGTERM" });
    await closed;
  });

  test("does not outlive its parent, even when the bridge accepts no more bytes", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const { promise: connected, resolve } = Promise.withResolvers<void>();
    // Nothing after the greeting is ever read.
    await using _ = await serverAt(path, () => resolve());
    const script = `const { spawn } = require("node:child_process");
      const relay = spawn(process.argv[1], process.argv.slice(2), { stdio: ["pipe", "inherit", "inherit"] });
      relay.stdin.write(Buffer.alloc(20e6)); console.log(relay.pid);`;
    const parent = spawn(process.execPath, ["-e", script, relayCommand.command, ...relayCommand.args], {
      env: { ...process.env, PLEXUM_MCP_SOCKET: path, PLEXUM_MCP_AGENT_ID: "alice", PLEXUM_MCP_TOKEN: TOKEN },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [pid] = await once(parent.stdout, "data");
    await connected;
    parent.kill("SIGKILL");
    await expect.poll(() => isRunning(Number(pid)), { timeout: 10_000 }).toBe(false);
  });

  test("waits for a bridge that is still starting", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const { child } = relay(path);
    await delay(100);
    await using _ = await bridgeAt(path);
    const [, tools] = await converse(child, initialize + request(1, "tools/list"), 2);
    expect(tools.result.tools).toHaveLength(1);
    child.stdin.end();
  });
});

describe("the relay serves an empty list itself", () => {
  const lines = [
    initialize,
    `${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`,
    request(1, "tools/list"),
    request(2, "ping"),
    request(3, "tools/call", { name: "now" }),
    "this is not JSON\n",
    `${JSON.stringify({ jsonrpc: "2.0", id: 4, method: { toString: 0 } })}\n`,
  ].join("");

  async function expectEmptyServer(started: ReturnType<typeof relay>, warning: string) {
    const [first, tools, pong, call, invalid, odd] = await converse(started.child, lines, 6);
    expect(first).toMatchObject({ id: 0, result: { protocolVersion: "2025-03-26", capabilities: { tools: {} } } });
    expect(tools).toEqual({ jsonrpc: "2.0", id: 1, result: { tools: [] } });
    expect(pong).toEqual({ jsonrpc: "2.0", id: 2, result: {} });
    expect(call).toMatchObject({ id: 3, error: { code: -32601 } });
    expect(invalid).toMatchObject({ id: null, error: { code: -32700 } });
    expect(odd).toMatchObject({ id: 4, error: { code: -32601 } });
    started.child.stdin.end();
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(await started.stderr).toContain(warning);
  }

  test("with no bridge", async () => {
    await using folder = await temporaryFolder();
    await expectEmptyServer(relay(join(folder.path, "a.sock")), "No MCP bridge is listening on");
  });

  test("when its agent, its token, or its version of the handshake is another", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await using _ = await bridgeAt(path);
    await expectEmptyServer(relay(path, { agentId: "bob" }), "this bridge serves another agent");
    await expectEmptyServer(relay(path, { token: "guess" }), "the token is not this bridge's");
    await expectEmptyServer(relay(path, { token: "" }), "the relay has no token");
  });

  test("when something else listens there", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const server = createServer((socket) => socket.on("error", () => {}).end("SSH-2.0-OpenSSH\n")).listen(path);
    await once(server, "listening");
    await expectEmptyServer(relay(path), "the program that listens there is not an MCP bridge");
    server.close();
  });

  test("when others can use the socket's directory", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const greetings: unknown[] = [];
    await using _ = await serverAt(path, (_socket, greeting) => greetings.push(greeting));
    for (const mode of [0o710, 0o701]) {
      await chmod(folder.path, mode);
      await expectEmptyServer(relay(path), `The socket ${path} may be another user's (its directory is open to`);
    }
    expect(greetings).toEqual([]);
  });

  test("when the socket or its directory is another user's", async () => {
    // Only root can give a file away; anyone else finds root's at /.
    if (!isRoot) return await expectEmptyServer(relay("/a.sock"), "its directory belongs to user 0");
    await using folder = await temporaryFolder();
    const directory = join(folder.path, "sockets");
    await mkdir(directory, { mode: 0o700 });
    const path = join(directory, "a.sock");
    const greetings: unknown[] = [];
    await using _ = await serverAt(path, (_socket, greeting) => greetings.push(greeting));
    await chown(path, 65534, 65534);
    await expectEmptyServer(relay(path), "it belongs to user 65534");
    await chown(directory, 65534, 65534);
    await expectEmptyServer(relay(path), "its directory belongs to user 65534");
    expect(greetings).toEqual([]);
  });

  test.each(["", "1234", "a\0b"])("where no socket can be: %j", async (socketPath) => {
    const stdout = new PassThrough();
    const said = text(stdout);
    const warnings: string[] = [];
    await runRelay({
      socketPath,
      agentId: "alice",
      token: TOKEN,
      stdin: Readable.from([request(1, "tools/list")]),
      stdout,
      connectTimeoutMs: 0,
      onWarning: (message) => warnings.push(message),
    });
    stdout.end();
    expect(JSON.parse(await said)).toEqual({ jsonrpc: "2.0", id: 1, result: { tools: [] } });
    expect(warnings).toHaveLength(1);
  });
});

describe("the command", () => {
  test("prefers its flags to its environment", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await using _ = await bridgeAt(path);
    const env = { PLEXUM_MCP_SOCKET: "/nowhere", PLEXUM_MCP_AGENT_ID: "bob", PLEXUM_MCP_TOKEN: TOKEN };
    for (const args of [
      ["--socket", path, "--agent-id", "alice"],
      [`--socket=${path}`, "--agent-id=alice"],
    ]) {
      const { child } = start(env, args);
      const [, tools] = await converse(child, initialize + request(1, "tools/list"), 2);
      expect(tools.result.tools).toHaveLength(1);
      child.stdin.end();
    }
  });

  test.each([
    [["--sockets", "x"], "unknown argument --sockets"],
    [["extra"], "unknown argument extra"],
    [["--socket"], "--socket needs a value"],
    [["--agent-id", "--socket", "x"], "--agent-id needs a value"],
    [["--agent-id", "a"], "no socket: give --socket <path> or set PLEXUM_MCP_SOCKET"],
    [["--socket", "x"], "no agent: give --agent-id <id> or set PLEXUM_MCP_AGENT_ID"],
  ])("refuses %j with exit code 1", async (args, message) => {
    const { child, stderr, exited } = start({}, args);
    child.stdin.end();
    expect(await exited).toEqual({ code: 1, signal: null });
    expect(await stderr).toContain(message);
  });

  test("loads nothing but this package's own few files, node:net and what Node has loaded by itself", async () => {
    const script = `const loaded = [];
      require("node:module").registerHooks({ resolve(specifier, context, next) {
        const resolved = next(specifier, context);
        loaded.push(resolved.url);
        return resolved;
      } });
      import(process.argv[1]).then(() => console.log(JSON.stringify(loaded)));`;
    const url = new URL("../relay.ts", import.meta.url);
    const child = spawn(process.execPath, ["-e", script, url.href], { stdio: ["ignore", "pipe", "inherit"] });
    const loaded: string[] = JSON.parse(await text(child.stdout));
    const others = loaded.filter((name) => !name.startsWith(new URL(".", url).href));
    expect(new Set(others)).toEqual(new Set(["node:fs", "node:net", "node:path"]));
    expect(new Set(loaded).size - new Set(others).size).toBeLessThan(10);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
