import { parseArgs } from "node:util";
import { listSessions, type Session } from "@plexum/codex-sessions";
import { codexHomeOf } from "@plexum/session-store";
import { plain } from "../plain.ts";
import { print, printJson } from "./print.ts";
import { SessionsError, wholeNumber } from "./sessions-error.ts";
import { printTable } from "./table.ts";

/** Lists the sessions of this machine. Resolves with the exit code. */
export async function listCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      filter: { type: "string" },
      limit: { type: "string", default: "10" },
      archived: { type: "boolean", default: false },
      subagents: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  if (positionals.length > 0) throw new SessionsError(`there is no subcommand ${plain(positionals.join(" "))}`, true);
  const { sessions, warnings } = await listSessions({
    codexHome: codexHomeOf(env),
    limit: wholeNumber("--limit", flags.limit, 1, 50) ?? 10,
    archived: flags.archived,
    subagents: flags.subagents,
    ...(flags.filter === undefined ? {} : { filter: flags.filter }),
  });
  for (const warning of warnings) process.stderr.write(`warning: ${plain(warning)}\n`);
  if (flags.json) printJson(sessions);
  else if (sessions.length === 0) print("no sessions");
  else printTable(["session", "when", "messages", "last message", "folder"], sessions.map(row), { cuttable: [3, 4] });
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
