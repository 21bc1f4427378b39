import { parseArgs } from "node:util";
import { CodexSessionsError } from "@plexum/codex-sessions";
import { RolloutError } from "@plexum/rollout";
import { SessionStoreError } from "@plexum/session-store";
import { plain } from "../plain.ts";
import { consumeCommand } from "./consume-command.ts";
import { listCommand } from "./list-command.ts";
import { restoreCommand } from "./restore-command.ts";
import { SessionsError } from "./sessions-error.ts";
import { SESSIONS_USAGE } from "./sessions-usage.ts";
import { showCommand } from "./show-command.ts";

/** Runs a subcommand with its own arguments. Resolves with the exit code. */
type Subcommand = (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;

const SUBCOMMANDS = new Map<string | undefined, Subcommand>([
  ["list", listCommand],
  ["show", showCommand],
  ["consume", consumeCommand],
  ["restore", restoreCommand],
]);

/** Runs `sessions`: a list of this machine's sessions, or a subcommand on one of them. Resolves with the exit code. */
export async function sessionsCommand(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  if (asksForHelp(argv)) {
    process.stdout.write(SESSIONS_USAGE);
    return 0;
  }
  const subcommand = SUBCOMMANDS.get(argv[0]);
  try {
    return await (subcommand === undefined ? listCommand(argv, env) : subcommand(argv.slice(1), env));
  } catch (error) {
    process.stderr.write(`sessions: ${plainLines(messageOf(error))}\n`);
    return 1;
  }
}

const asksForHelp = (argv: readonly string[]) =>
  parseArgs({ args: [...argv], strict: false, options: { help: { type: "boolean", short: "h" } } }).values.help ===
  true;

/** Errors whose messages are for people. */
const CLASSES = [CodexSessionsError, SessionStoreError, RolloutError];

function messageOf(error: unknown): string {
  if (SessionsError.isUsage(error)) return `${error.message}; see sessions --help`;
  if (error instanceof SessionsError || CLASSES.some((one) => one.isInstance(error))) return (error as Error).message;
  const { message, code = "" } = error as NodeJS.ErrnoException;
  const [, option] = /^Option '(.*?)' argument is ambiguous/.exec(message) ?? [];
  if (option !== undefined) return `${option} needs a value; see sessions --help`;
  if (code.startsWith("ERR_PARSE_ARGS")) return `${firstSentence(message)}; see sessions --help`;
  return message;
}

/** A message may repeat an argument. Some have a list, in lines that are indented. */
const plainLines = (text: string) =>
  text.replace(/^( *)(.*)$/gm, (_, indent: string, line: string) => indent + plain(line));

const firstSentence = (text: string) => (text.split(/\.\s|\n/)[0] ?? text).replace(/\.$/, "");
