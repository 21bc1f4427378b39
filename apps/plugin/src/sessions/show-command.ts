import { parseArgs } from "node:util";
import { readThreadCalls } from "@plexum/rollout";
import { childSessions, type FoundSession } from "@plexum/session-store";
import { plain } from "../plain.ts";
import { knownSession } from "./known-session.ts";
import { print, printJson } from "./print.ts";
import { printTable } from "./table.ts";

/** Shows what a session's context consists of. Resolves with the exit code. */
export async function showCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      "taken-back": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const session = await knownSession(positionals, env);
  const { codexHome, file, parentId, role } = session;
  const children = await childSessions(session, { codexHome });
  const thread = await readThreadCalls(file, { codexHome, threadId: session.id });
  const shown = thread.calls.filter(({ state, isInherited }) =>
    // What a sub-agent's file repeats of its parent's history is the parent's.
    parentId !== undefined && isInherited ? false : state === "in-context" || flags["taken-back"],
  );
  const calls = shown.map(({ turn, callId, name, bytes, tokens, state }) => ({
    turn,
    id: callId,
    tool: name,
    bytes,
    tokens,
    state,
  }));
  const sent = calls.filter(({ state }) => state === "in-context");
  const total = (of: "bytes" | "tokens") => sent.reduce((sum, call) => sum + call[of], 0);
  if (flags.json) {
    const named = children.map(({ id, role, file }) => ({ id, role, file }));
    printJson({ id: session.id, file, parentId, role, calls, children: named });
    return 0;
  }
  print(`${session.id}\n${plain(file)}`);
  for (const line of relatives(session, children)) print(plain(line));
  if (calls.length === 0) print("no tool calls");
  else
    printTable(
      ["turn", "call", "tool", "bytes", "≈ tokens", ...(flags["taken-back"] ? ["state"] : [])],
      calls.map(({ turn, id, tool, bytes, tokens, state }) => [
        String(turn),
        id,
        tool,
        String(bytes),
        String(tokens),
        ...(flags["taken-back"] ? [state] : []),
      ]),
      { cuttable: [2] },
    );
  print(`${sent.length} calls, ${total("bytes")} bytes, about ${total("tokens")} tokens in every request`);
  return 0;
}

const relatives = ({ role, parentId }: FoundSession, children: readonly FoundSession[]): string[] => [
  ...(role === undefined ? [] : [`${role}${parentId === undefined ? "" : ` of ${parentId}`}`]),
  ...children.map((child) => `began ${child.id} (${child.role ?? "subagent"})`),
];
