import { randomUUID } from "node:crypto";
import { chmod, lstat, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { bridgeSocketPath, McpBridgeError, startBridge } from "@plexum/mcp-bridge";
import { type Check, ok } from "./check.ts";

export const socketDirectory: Check = {
  id: "socket-directory",
  meaning: "No bridge can listen there, so codex runs without the host's tools.",
  remedy: "Follow the message. XDG_RUNTIME_DIR and TMPDIR determine the directory.",
  async run() {
    const agentId = `doctor ${randomUUID()}`;
    const directory = dirname(bridgeSocketPath(agentId));
    const before = await modeOf(directory);
    try {
      // Starting a bridge is the best check, since it verifies everything.
      const bridge = await startBridge({ agentId, tools: [], callTool: async () => ({ content: [] }) });
      await bridge.close();
      return ok(`${directory}: a bridge can listen here`);
    } catch (error) {
      if (!McpBridgeError.isInstance(error)) throw error;
      const isOpen = error.code === "socket_directory_unsafe" && before?.isOurs === true && before.isOpenToOthers;
      return {
        status: "error",
        title: error.message,
        fix: isOpen ? () => closeToOthers(directory) : undefined,
      };
    } finally {
      // This check created the directory, and a plugin creates it when needed. If it is already in use, it is not empty, and rmdir fails.
      if (before === undefined) await rmdir(directory).catch(() => {});
    }
  },
};

async function modeOf(directory: string) {
  const found = await lstat(directory).catch(() => undefined);
  return (
    found && {
      isOurs: found.isDirectory() && found.uid === process.getuid?.(),
      isOpenToOthers: (found.mode & 0o077) !== 0,
    }
  );
}

async function closeToOthers(directory: string): Promise<string> {
  await chmod(directory, 0o700);
  return `${directory} now has mode 700.`;
}
