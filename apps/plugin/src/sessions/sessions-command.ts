import { parseArgs } from "node:util";
import { RolloutError, readThreadCalls } from "@plexum/rollout";
import {
  childSessions,
  codexHomeOf,
  type FoundSession,
  findSession,
  listSessions,
  type Session,
  SessionStoreError,
} from "@plexum/session-store";
import { plain } from "../plain.ts";

const USAGE = `usage: plexum-openai-provider sessions [--filter TEXT] [--limit 1..50] [--archived] [--subagents] [--json]
       plexum-openai-provider sessions show ID [--taken-back] [--json]

ID is the id of a session, or the beginning of one.
`;

/** The sessions of this machine for a person: a list, or what the calls of one cost. Resolves with the exit code. */
export async function sessionsCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    // Whoever reads, such as `head`, has seen enough.
    process.exit(0);
  });
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        filter: { type: "string" },
        limit: { type: "string", default: "10" },
        archived: { type: "boolean", default: false },
        subagents: { type: "boolean", default: false },
        "taken-back": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const [verb, id, ...rest] = positionals;
    if (verb === undefined) return await list(env, values);
    if (verb === "show" && id !== undefined && rest.length === 0) return await show(env, id, values);
    throw new Error(`unknown arguments: ${positionals.join(" ")}`);
  } catch (error) {
    const isUsage = !SessionStoreError.isInstance(error) && !RolloutError.isInstance(error);
    process.stderr.write(`sessions: ${(error as Error).message}\n${isUsage ? USAGE : ""}`);
    return 1;
  }
}

interface ListFlags {
  readonly filter?: string | undefined;
  readonly limit: string;
  readonly archived: boolean;
  readonly subagents: boolean;
  readonly json: boolean;
}

async function list(env: NodeJS.ProcessEnv, flags: ListFlags): Promise<number> {
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 50)
    throw new Error(`--limit must be a whole number from 1 to 50, not ${flags.limit}`);
  const { sessions, warnings } = await listSessions({
    codexHome: codexHomeOf(env),
    limit,
    archived: flags.archived,
    subagents: flags.subagents,
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
  });
  for (const warning of warnings) process.stderr.write(`warning: ${plain(warning)}\n`);
  if (flags.json) print(JSON.stringify(sessions, null, 2));
  else if (sessions.length === 0) print("no sessions");
  else table(["session", "when", "messages", "last message", "folder"], sessions.map(row), [3, 4]);
  return 0;
}

const row = (session: Session): string[] => [
  session.id,
  session.updatedAt.slice(0, 16).replace("T", " "),
  String(session.messageCount),
  [...marks(session), session.lastMessage ?? ""].filter(Boolean).join(" "),
  session.cwd ?? "",
];

const marks = ({ archived, compressed, role, title }: Session): string[] => [
  archived ? "(archived)" : "",
  compressed ? "(compressed)" : "",
  role === undefined ? "" : `(${role})`,
  title === undefined ? "" : `[${title}]`,
];

interface ShowFlags {
  readonly "taken-back": boolean;
  readonly json: boolean;
}

async function show(env: NodeJS.ProcessEnv, id: string, flags: ShowFlags): Promise<number> {
  const codexHome = codexHomeOf(env);
  const session = await findSession(id, { codexHome });
  if (session?.file === undefined) {
    const what = session === undefined ? "there is no session" : "nothing but its messages is left of the session";
    process.stderr.write(`sessions: ${what} ${plain(session?.id ?? id)} in ${codexHome}\n`);
    return 1;
  }
  const { file, parentId, role } = session;
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
    print(JSON.stringify({ id: session.id, file, parentId, role, calls, children: named }, null, 2));
    return 0;
  }
  print(`${session.id}\n${plain(file)}`);
  for (const line of relatives(session, children)) print(plain(line));
  if (calls.length === 0) print("no tool calls");
  else
    table(
      ["turn", "call", "tool", "bytes", "≈ tokens", ...(flags["taken-back"] ? ["state"] : [])],
      calls.map(({ turn, id, tool, bytes, tokens, state }) => [
        String(turn),
        id,
        tool,
        String(bytes),
        String(tokens),
        ...(flags["taken-back"] ? [state] : []),
      ]),
      [2],
    );
  print(`${sent.length} calls, ${total("bytes")} bytes, about ${total("tokens")} tokens in every request`);
  return 0;
}

const relatives = ({ role, parentId }: FoundSession, children: readonly FoundSession[]): string[] => [
  ...(role === undefined ? [] : [`${role}${parentId === undefined ? "" : ` of ${parentId}`}`]),
  ...children.map((child) => `began ${child.id} (${child.role ?? "subagent"})`),
];

const print = (text: string) => process.stdout.write(`${text}\n`);

/** A column narrower than this says nothing. */
const MIN_CUT_WIDTH = 12;

/**
 * Columns as wide as they need, within the terminal. What does not fit is taken from the columns that may be cut, which
 * share what the others leave; where that is too little for all of them, the last is left out.
 */
function table(head: readonly string[], rows: readonly (readonly string[])[], cuttable: readonly number[]): void {
  const lines = [head, ...rows].map((cells) => cells.map(plain));
  const needed = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const fixed = needed.filter((_, column) => !cuttable.includes(column)).reduce((sum, width) => sum + width + 2, 0);
  const terminal = process.stdout.columns ?? 160;
  const mostCut = Math.max(1, Math.floor((terminal - fixed + 2) / (MIN_CUT_WIDTH + 2)));
  const cut = cuttable.slice(0, mostCut);
  let room = terminal - fixed - 2 * (cut.length - 1);
  const widths = [...needed];
  for (const [index, column] of cut.entries()) {
    const share = Math.max(1, Math.floor(room / (cut.length - index)));
    widths[column] = Math.min(needed[column] ?? 0, share);
    room -= widths[column] ?? 0;
  }
  const shown = head.map((_, column) => column).filter((column) => !cuttable.includes(column) || cut.includes(column));
  for (const cells of lines)
    print(
      shown
        .map((column) => cell(cells[column] ?? "", widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}

const cell = (text: string, width: number) =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
