import { homedir } from "node:os";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { childSessions, type FoundSession, sessionTitle } from "@plexum/codex-sessions";
import { readThreadCalls, type ThreadCall, type ThreadCalls } from "@plexum/rollout";
import { plain } from "../plain.ts";
import { fitted } from "./display-width.ts";
import { type KnownSession, knownSession } from "./known-session.ts";
import { number, plural } from "./numbers.ts";
import { print, printJson } from "./print.ts";
import { SessionsError } from "./sessions-error.ts";
import { printCalls, SORTS, type Sort } from "./show-calls.ts";
import { printTurns } from "./show-turns.ts";
import { bar, styled, terminalWidth } from "./terminal.ts";

const MAX_BAR_WIDTH = 40;

/** Shows what a session's context contains. Resolves with the exit code. */
export async function showCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const { values: flags, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      sort: { type: "string", default: "turn" },
      all: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const sort = SORTS.find((one) => one === flags.sort);
  if (sort === undefined)
    throw new SessionsError(`--sort must be one of ${SORTS.join(", ")}, not ${JSON.stringify(flags.sort)}`, true);
  const session = await knownSession(positionals, env);
  const { codexHome, file, id, parentId } = session;
  const children = await childSessions(session, { codexHome });
  const title = await sessionTitle(id, { codexHome });
  const read = await readThreadCalls(file, { codexHome, threadId: id, inContextOnly: !flags.all });
  // History that a sub-agent's file repeats from its parent belongs to the parent.
  const thread =
    parentId === undefined ? read : { ...read, calls: read.calls.filter(({ isInherited }) => !isInherited) };
  if (flags.json) printJson(asJson(session, title, thread, children));
  else show(session, title, thread, children, sort);
  return 0;
}

function asJson(
  { id, file, parentId, role }: KnownSession,
  title: string | undefined,
  { calls, places: _places, ...thread }: ThreadCalls,
  children: readonly FoundSession[],
) {
  return {
    id,
    title,
    file,
    parentId,
    role,
    ...thread,
    calls: calls.map(({ callId, name, turn, argumentsExcerpt, ...rest }) => ({
      turn,
      age: turn === 0 || rest.state === "rolled-back" ? undefined : thread.turnCount - turn,
      id: callId,
      tool: name,
      arguments: argumentsExcerpt,
      ...rest,
    })),
    children: children.map(({ id, role, file }) => ({ id, role, file })),
  };
}

function show(
  session: KnownSession,
  title: string | undefined,
  thread: ThreadCalls,
  children: readonly FoundSession[],
  sort: Sort,
): void {
  const inContext = thread.calls.filter(({ state }) => state === "in-context");
  if (title !== undefined) print(styled("bold", fitted(plain(title), terminalWidth())));
  print(session.id);
  print(plain(basename(session.file)));
  print(shortFolder(dirname(session.file)));
  for (const line of relatives(session, children)) print(plain(line));
  print();
  for (const line of summary(thread, inContext)) print(line);
  if (thread.calls.length === 0) return;
  print();
  printTurns(inContext, thread.turnCount);
  printCalls(thread.calls, thread.turnCount, sort);
}

/** Returns a folder relative to the home, and only its end if it is too long. */
function shortFolder(folder: string): string {
  const home = homedir();
  const short = plain(folder.startsWith(`${home}/`) ? `~${folder.slice(home.length)}` : folder);
  const width = terminalWidth();
  return short.length > width ? `…${short.slice(1 - width)}` : short;
}

const relatives = ({ role, parentId }: FoundSession, children: readonly FoundSession[]): string[] => [
  ...(role === undefined ? [] : [`${role}${parentId === undefined ? "" : ` of ${parentId}`}`]),
  ...children.map((child) => `started ${child.id} (${child.role ?? "subagent"})`),
];

function summary(thread: ThreadCalls, inContext: readonly ThreadCall[]): string[] {
  const { compactionCount, rolledBackTurnCount, compacted, rolledBack, omitted, skippedBytes } = thread;
  const calls = inContext.length + omitted.calls;
  const tokens = inContext.reduce((sum, call) => sum + call.tokens, omitted.tokens);
  const consumed = inContext.filter(({ isConsumed }) => isConsumed).length;
  return [
    ...contextLines(thread),
    calls === 0
      ? "calls    none in the context"
      : `calls    ${number(calls)} in the context, about ${number(tokens)} tokens${consumed === 0 ? "" : `; ${number(consumed)} consumed`}`,
    ...(omitted.calls === 0 ? [] : [`         of them ${number(omitted.calls)} smaller ones are not listed`]),
    ...(skippedBytes === 0
      ? []
      : [
          `gone     by compactions: the first ${number(Math.round(skippedBytes / 1e6))} MB of the file, which were not read;`,
          "         turns are counted from there, unless --all is given",
        ]),
    ...(compactionCount === 0 ? [] : [`gone     by ${plural(compactionCount, "compaction")}: ${counted(compacted)}`]),
    ...(rolledBackTurnCount === 0
      ? []
      : [`gone     by rollback of ${plural(rolledBackTurnCount, "turn")}: ${counted(rolledBack)}`]),
  ];
}

function contextLines({ context }: ThreadCalls): string[] {
  if (context === undefined) return ["context  not known: codex has recorded no count of tokens"];
  const { tokens, window } = context;
  if (window === undefined) return [`context  ${number(tokens)} tokens at the last request`];
  const share = tokens / window;
  const percent = `${Math.round(100 * share)}%`;
  const width = Math.min(MAX_BAR_WIDTH, terminalWidth() - 16);
  const look = share > 0.8 ? "red" : share > 0.5 ? "yellow" : "green";
  return [
    `context  ${number(tokens)} of ${number(window)} tokens at the last request`,
    `         ${styled(look, bar(share, width).padEnd(width, "░"))} ${percent}`,
  ];
}

const counted = ({ calls, tokens }: ThreadCalls["compacted"]) =>
  `${plural(calls, "call")}, about ${number(tokens)} tokens`;
