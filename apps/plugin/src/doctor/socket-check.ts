import { randomUUID } from "node:crypto";
import { chmod, lstat, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { bridgeSocketPath, McpBridgeError, startBridge } from "@plexum/mcp-bridge";
import { type Check, ok } from "./check.ts";

export const socketDirectory: Check = {
  id: "socket-directory",
  meaning: "codex goes without the host's tools: no bridge can listen there.",
  remedy: "Do as the message says. XDG_RUNTIME_DIR and TMPDIR choose the place.",
  async run() {
    const agentId = `doctor ${randomUUID()}`;
    const directory = dirname(bridgeSocketPath(agentId));
    const before = await modeOf(directory);
    try {
      // A bridge makes every check by itself; there is no better one than to start it.
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
      // It was made by looking; a plugin makes it again. One that is in use by now is not empty.
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
  return `${directory} has mode 700 now.`;
}
