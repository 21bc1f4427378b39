import { parseArgs } from "node:util";
import { findRollout, readToolCalls } from "@plexum/rollout";
import { codexHomeOf, listSessions, type Session } from "@plexum/session-store";
import { plain } from "./plain.ts";

const USAGE = `usage: plexum-openai-provider sessions [--filter TEXT] [--limit 1..50] [--archived] [--json]
       plexum-openai-provider sessions show ID [--json]
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
    if (verb === "show" && id !== undefined && rest.length === 0) return await show(env, id, values.json);
    throw new Error(`unknown arguments: ${positionals.join(" ")}`);
  } catch (error) {
    process.stderr.write(`sessions: ${(error as Error).message}\n${USAGE}`);
    return 1;
  }
}

interface ListFlags {
  readonly filter?: string | undefined;
  readonly limit: string;
  readonly archived: boolean;
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
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
  });
  for (const warning of warnings) process.stderr.write(`warning: ${plain(warning)}\n`);
  if (flags.json) print(JSON.stringify(sessions, null, 2));
  else if (sessions.length === 0) print("no sessions");
  else table(["session", "when", "messages", "last message", "folder"], sessions.map(row), [3, 4]);
  return 0;
}

const row = ({ id, updatedAt, messageCount, lastMessage = "", cwd = "", archived, compressed }: Session): string[] => [
  id,
  updatedAt.slice(0, 16).replace("T", " "),
  String(messageCount),
  [archived ? "(archived)" : "", compressed ? "(compressed)" : "", lastMessage].filter(Boolean).join(" "),
  cwd,
];

/** Codex counts tokens itself; four bytes a token is its own estimate where it has no count. */
const BYTES_PER_TOKEN = 4;

async function show(env: NodeJS.ProcessEnv, id: string, asJson: boolean): Promise<number> {
  const codexHome = codexHomeOf(env);
  const rollout = await findRollout(id.toLowerCase(), { codexHome });
  if (rollout === undefined) throw new Error(`there is no session ${plain(id)} in ${codexHome}`);
  const turns = new Map<string | undefined, number>();
  const calls = [];
  for await (const call of readToolCalls(rollout.path, { codexHome })) {
    if (!turns.has(call.turnId)) turns.set(call.turnId, turns.size + 1);
    // What a nested call returned is in the context only as far as its script passed it on, and counted there.
    const bytes = call.kind === "nested" ? 0 : Buffer.byteLength(call.arguments) + Buffer.byteLength(call.output ?? "");
    calls.push({
      turn: turns.get(call.turnId) ?? 0,
      id: call.callId,
      tool: call.name,
      bytes,
      tokens: Math.ceil(bytes / BYTES_PER_TOKEN),
    });
  }
  const total = calls.reduce((sum, { bytes }) => sum + bytes, 0);
  if (asJson) {
    print(JSON.stringify({ id: rollout.threadId, file: rollout.path, calls }, null, 2));
    return 0;
  }
  print(`${rollout.threadId}\n${rollout.path}`);
  if (calls.length === 0) print("no tool calls");
  else
    table(
      ["turn", "call", "tool", "bytes", "≈ tokens"],
      calls.map(({ turn, id, tool, bytes, tokens }) => [String(turn), id, tool, String(bytes), String(tokens)]),
      [2],
    );
  print(`${calls.length} calls, ${total} bytes, about ${Math.ceil(total / BYTES_PER_TOKEN)} tokens in every request`);
  return 0;
}

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
