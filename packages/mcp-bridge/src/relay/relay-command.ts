import { RELAY_AGENT_ID, RELAY_SOCKET, RELAY_TOKEN } from "./relay-environment.ts";
import { runRelay } from "./run-relay.ts";

/**
 * Runs the relay as a subcommand. The flags `[--socket <path>] [--agent-id <id>]` default to the environment
 * (`PLEXUM_MCP_SOCKET`, `PLEXUM_MCP_AGENT_ID`). The token always comes from `PLEXUM_MCP_TOKEN`, where no process list shows it.
 *
 * Resolves with the exit code when the relay has ended: call `process.exit` with it, since an open stdin would keep the
 * process alive. SIGTERM ends the process by itself.
 */
export async function runRelayCommand(
  argv: readonly string[],
  env: { readonly [name: string]: string | undefined } = process.env,
): Promise<number> {
  const flags = parseFlags(argv);
  if (typeof flags === "string") return fail(flags);
  const { socketPath = env[RELAY_SOCKET], agentId = env[RELAY_AGENT_ID] } = flags;
  if (!socketPath) return fail(`no socket: give --socket <path> or set ${RELAY_SOCKET}`);
  if (agentId === undefined) return fail(`no agent: give --agent-id <id> or set ${RELAY_AGENT_ID}`);
  exitWithParent();
  await runRelay({ socketPath, agentId, token: env[RELAY_TOKEN] ?? "" });
  return 0;
}

interface Flags {
  socketPath?: string;
  agentId?: string;
}

const FLAGS: Record<string, keyof Flags> = { "--socket": "socketPath", "--agent-id": "agentId" };

/** Returns the flags' values, or what is wrong with them. A value that begins with `--` needs the form `--flag=value`. */
function parseFlags(argv: readonly string[]): Flags | string {
  const flags: Flags = {};
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] as string;
    const equals = word.indexOf("=");
    const flag = equals === -1 ? word : word.slice(0, equals);
    const key = Object.hasOwn(FLAGS, flag) ? FLAGS[flag] : undefined;
    if (key === undefined) return `unknown argument ${word}; there are --socket <path> and --agent-id <id>`;
    const value = equals === -1 ? argv[++i] : word.slice(equals + 1);
    if (value === undefined || (equals === -1 && value.startsWith("--"))) return `${flag} needs a value`;
    flags[key] = value;
  }
  return flags;
}

function fail(message: string): number {
  process.stderr.write(`mcp-host: ${message}\n`);
  return 1;
}

/**
 * Detects that the parent was killed. That closes our stdin, but while a stuck bridge accepts no more bytes, stdin is not
 * read and its end not seen. Checks once a second, which doesn't keep the process alive.
 */
function exitWithParent(): void {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && process.exit(0), 1000).unref();
}
