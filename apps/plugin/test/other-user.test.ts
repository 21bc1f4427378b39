import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { oldestCodex } from "@plexum/codex-versions";
import { bridgeSocketPath } from "@plexum/mcp-bridge";
import { newestCodex } from "@plexum/real-codex";
import { answer, functionCall, say, shell } from "@plexum/scripted-model";
import { expect, onTestFinished, test, vi } from "vitest";
import { byEachTransport, Harness, turn, user } from "./harness.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** A temporary folder that every user may use, like /tmp, for all processes of this test. */
function sharedTempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shared-"));
  chmodSync(folder, 0o1777);
  vi.stubEnv("TMPDIR", folder);
  // Without it, the sockets are in the temporary folder.
  vi.stubEnv("XDG_RUNTIME_DIR", undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Lists a folder's content, except for the files of codex and of this test. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => !/^codex-home-|(^|\/)config\.json$/.test(name))
    .map((name) => join(folder, name))
    .filter((path) => !lstatSync(path).isDirectory());
}

/** Returns which files another user of the machine can read, write or connect to. If no other user is available, it checks the modes. */
function openToOthers(paths: readonly string[]): string[] {
  if (!isRoot) return paths.filter((path) => (lstatSync(path).mode & 0o077) !== 0);
  const program = `
    const { openSync } = require("node:fs");
    const { connect } = require("node:net");
    const open = (path, flags) => { try { openSync(path, flags); return true; } catch { return false; } };
    for (const path of ${JSON.stringify(paths)}) {
      if (open(path, "r") || open(path, "r+")) console.log(path);
      connect(path).on("connect", function () { console.log(path); this.destroy(); }).on("error", () => {});
    }`;
  // In a folder that the other user may enter, whatever the modes of the path to this file.
  const { stdout, status, stderr } = spawnSync(process.execPath, ["-e", program], {
    uid: NOBODY,
    gid: NOBODY,
    cwd: "/",
    env: {},
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return stdout.split("\n").filter(Boolean);
}

test.each(byEachTransport([newestCodex]))(
  "another user of the machine can't open anything that a turn by $transport or a mutation creates",
  async (codex) => {
    const temp = sharedTempFolder();
    const namespace = "mcp__plexum_host_alice";
    await using harness = await Harness.create({
      codex,
      script: [answer([functionCall("lookup", {}, { namespace, callId: "call_1" })]), say("done")],
    });
    chmodSync(harness.folder, 0o755);
    // Prove that an accessible file would be found.
    const canary = join(harness.folder, "canary");
    writeFileSync(canary, "", { mode: 0o644 });
    expect(openToOthers([canary])).toEqual([canary]);
    rmSync(canary);
    const seen = new Set<string>();
    const open = new Set<string>();
    const look = () => {
      const files = filesBelow(temp);
      for (const path of files) seen.add(path);
      for (const path of openToOthers(files)) open.add(path);
    };
    const plugin = await harness.plugin({
      async callTool() {
        look();
        return { content: [{ type: "text", text: "found" }] };
      },
    });
    const content = [
      { type: "text" as const, text: "look" },
      { type: "image" as const, data_base64: "iVBORw0KGgo=", media_type: "image/png" },
    ];
    const tools = [{ name: "lookup", input_schema: { type: "object" } }];
    const request = { messages: [{ ...user(""), content }], tools, system: "be brief" };
    const { end } = await turn(plugin, harness.request("look", { request }));
    expect(end.stop_reason).toBe("end_turn");
    const mutations = [{ block_id: "call_1", op: "consume-light" }];
    await plugin.mutate({ agent_id: "alice", workspace: harness.workspace, mutations });
    look();
    // The important files were checked: the thread, its lock, the image, and with exec the bridge's socket.
    for (const name of [".plexum-codex-session", "lock", ".png"])
      expect(
        [...seen].some((path) => path.includes(name)),
        name,
      ).toBe(true);
    expect([...seen].some((path) => path.endsWith(".sock"))).toBe(codex.transport === "exec");
    expect([...open]).toEqual([]);
  },
);

test.each(byEachTransport([oldestCodex, newestCodex]))(
  "what reaches the tools of codex $version by $transport is in no file that another user can use",
  async (codex) => {
    const namespace = "mcp__plexum_host_alice";
    await using harness = await Harness.create({
      codex,
      // The command makes codex keep the shell's environment in a file.
      script: [answer([shell("true")]), answer([functionCall("lookup", {}, { namespace })]), say("done")],
    });
    const found = new Map<string, boolean>();
    const plugin = await harness.plugin({
      async callTool() {
        const [port] = listeningPorts(plugin.pid as number);
        const files = contentsBelow(harness.home.path);
        // codex 0.135 logs the port, but nothing else of the address.
        const secret = new RegExp(`127\\.0\\.0\\.1:${port}/mcp|bearer [\\w-]{16}`, "i");
        found.set(
          "secret",
          files.some((text) => secret.test(text)),
        );
        found.set(
          "snapshot",
          files.some((text) => text.includes("PLEXUM_PROFILE_ROOT")),
        );
        found.set("endpoint", port !== undefined);
        return { content: [{ type: "text", text: "found" }] };
      },
    });
    const tools = [{ name: "lookup", input_schema: { type: "object" } }];
    const { text } = await turn(plugin, harness.request("go", { request: { messages: [user("go")], tools } }));
    expect(text).toBe("done");
    // By exec, codex gets a token in its environment. It opens only a socket in a folder of this user's own.
    const hasEndpoint = codex.transport === "app-server";
    expect(Object.fromEntries(found)).toEqual({ secret: false, snapshot: true, endpoint: hasEndpoint });
  },
);

/** Returns the TCP ports on which a process listens. */
function listeningPorts(pid: number): number[] {
  const sockets = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ""; // closed in the meantime
    }
  });
  const rows = readFileSync(`/proc/${pid}/net/tcp`, "latin1").trim().split("\n").slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === "0A" && sockets.includes(`socket:[${inode}]`))
    .map(([, address = ""]) => Number.parseInt(address.split(":")[1] as string, 16));
}

const contentsBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), "latin1"));

test.each([
  [
    "a folder",
    (path: string) => {
      mkdirSync(path, { mode: 0o777 });
      chmodSync(path, 0o777);
      if (isRoot) chownSync(path, NOBODY, NOBODY);
    },
  ],
  [
    "a link",
    (path: string) => {
      mkdirSync(`${path}-elsewhere`, { mode: 0o700 });
      symlinkSync(`${path}-elsewhere`, path);
    },
  ],
])(
  "%s that another user has put in the place of the sockets is not used, and the turn runs without tools",
  async (_name, put) => {
    const temp = sharedTempFolder();
    const folder = dirname(bridgeSocketPath("alice"));
    expect(folder.startsWith(temp)).toBe(true);
    put(folder);
    await using harness = await Harness.create({ codex: { ...newestCodex, transport: "exec" }, script: [say("done")] });
    const plugin = await harness.plugin({ callTool: async () => ({ content: [] }) });
    const tools = [{ name: "lookup", input_schema: { type: "object" } }];
    const { text } = await turn(plugin, harness.request("go", { request: { messages: [user("go")], tools } }));
    expect(text).toBe("done");
    expect(harness.model.requests[0]?.toolNames.filter((name) => name.includes("lookup"))).toEqual([]);
    expect(harness.warnings().filter((warning) => warning.includes(folder))).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  },
);
