import {
  CodexCommandsError,
  formatSessions,
  type HostRuntime,
  listSessionsOnNode,
  resumeSessionOnNode,
} from "@plexum/codex-commands";
import { type FuzzTarget, must } from "../fuzz-target.ts";

/** A host's answer about its nodes, a node's answer about its sessions, and their list for a chat. */
export const nodeAnswers: FuzzTarget = {
  name: "node-answers",
  async run({ bytes }) {
    for (const line of bytes.toString("utf8").split("\n").slice(0, 5)) {
      const answer = parse(line);
      await check(answer);
      await check({ payloadJSON: line });
    }
  },
};

const NODE = { nodeId: "n", commands: ["codex.cli.sessions.list", "codex.cli.session.resume"], connected: true };

async function check(answer: unknown): Promise<void> {
  for (const nodes of [[NODE], answer]) {
    const runtime = {
      nodes: { list: async () => ({ nodes }), invoke: async () => answer },
    } as HostRuntime;
    try {
      const listing = await listSessionsOnNode(runtime);
      const lines = formatSessions(listing).split("\n");
      must(lines.length <= 1 + listing.sessions.length + listing.warnings.length, "one line per session");
    } catch (error) {
      if (!CodexCommandsError.isInstance(error)) throw error;
    }
    try {
      await resumeSessionOnNode(runtime, { sessionId: "one", prompt: "go" });
    } catch (error) {
      if (!CodexCommandsError.isInstance(error)) throw error;
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
