// The only file that knows codex (0.135 to 0.169): how it finds the relay, and what it sends with a call.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { McpBridgeError } from "../errors.ts";
import type { HttpBridge } from "../http/http-endpoint.ts";
import { RELAY_SOCKET, RELAY_TOKEN } from "../relay/relay-environment.ts";
import { DEFAULT_MAX_CALL_MS, timeLimit } from "../server/call-runner.ts";
import type { CallIdentity } from "../server/tool-call.ts";
import { isListening } from "../socket/listen-privately.ts";
import { changeFile } from "./change-file.ts";
import { withoutServer, withServer } from "./config-text.ts";
import { checkNoNul, type RelayProgram, relayAddress } from "./mcp-server-entry.ts";
import { toml } from "./toml.ts";

/** How codex starts the relay to a bridge. */
export interface CodexServer extends RelayProgram {
  readonly agentId: string;
  readonly socketPath: string;
}

/** How codex reaches a bridge by HTTP. */
export type CodexHttpServer = Pick<HttpBridge, "agentId" | "url" | "headers">;

export interface CodexOverrideOptions {
  /** The server is already in codex's own config (`registerGlobally`): return only what the config can't hold. @default false */
  readonly isRegistered?: boolean;
  /** The bridge's `maxCallMs`; codex's own limit is set above it. @default 3_600_000 */
  readonly maxCallMs?: number;
  /** How long the relay may take to start, in milliseconds. @default 30_000 */
  readonly startupTimeoutMs?: number;
  /**
   * For models that codex drives in code mode (from 0.144): offer the tools to the model itself, each call an item of its
   * own, not to its scripts, which since 0.150 must find them by name before they can call them. codex 0.135 refuses
   * to start with this setting.
   *
   * @default false
   */
  readonly directTools?: boolean;
}

/** codex doesn't extend its limit on progress, so its limit must be longer than the bridge's, whose answer says what happened. */
const CALL_MARGIN_MS = 30_000;

/**
 * Returns the arguments (`-c`, `key=value`, …) that add this server to one run of codex. They don't include the bridge's token:
 * start codex with `codexEnvironment(token)` in its environment.
 *
 * @throws McpBridgeError `invalid_value` if a value holds a NUL, or a time is invalid.
 */
export function codexOverrides(server: CodexServer | CodexHttpServer, options: CodexOverrideOptions = {}): string[] {
  const { isRegistered = false, ...others } = options;
  const access =
    "url" in server
      ? { url: server.url, bearer_token_env_var: RELAY_TOKEN }
      : { ...(isRegistered ? {} : relaySettings(server)), env_vars: [RELAY_TOKEN] };
  return Object.entries(settings(server.agentId, access, others)).flatMap(([key, value]) => [
    "-c",
    `${key}=${toml(value)}`,
  ]);
}

/**
 * Returns the same as values for the `config` of `thread/start` and `thread/resume` of `codex app-server`. They hold the
 * token, so codex needs nothing in its environment. codex forgets them when it unloads the thread: pass them on each load.
 *
 * @throws McpBridgeError `invalid_value` if a value holds a NUL, or a time is invalid.
 */
export function codexThreadConfig(
  server: (CodexServer & { readonly token: string }) | CodexHttpServer,
  options: Omit<CodexOverrideOptions, "isRegistered"> = {},
): Record<string, unknown> {
  if ("url" in server) return settings(server.agentId, { url: server.url, http_headers: server.headers }, options);
  const { env, ...relay } = relaySettings(server);
  return settings(server.agentId, { ...relay, env: { ...env, ...codexEnvironment(server.token) } }, options);
}

function settings(
  agentId: string,
  access: Record<string, unknown>,
  { maxCallMs = DEFAULT_MAX_CALL_MS, startupTimeoutMs = 30_000, directTools = false }: CodexOverrideOptions,
): Record<string, unknown> {
  const name = codexServerName(agentId);
  const server = {
    ...access,
    // Since 0.147 codex waits one second for a server that isn't required, and asks the model without its tools.
    required: true,
    default_tools_approval_mode: "approve",
    // Otherwise codex runs the calls one after the other, except those of tools that declare themselves read-only.
    supports_parallel_tool_calls: true,
    startup_timeout_sec: timeLimit("startupTimeoutMs", startupTimeoutMs) / 1000,
    tool_timeout_sec: (timeLimit("maxCallMs", maxCallMs) + CALL_MARGIN_MS) / 1000,
  };
  return {
    // Key by key: a table would replace the user's own settings under this name.
    ...Object.fromEntries(Object.entries(server).map(([key, value]) => [`mcp_servers.${name}.${key}`, value])),
    ...(directTools ? { "features.code_mode.direct_only_tool_namespaces": [codexNamespace(name)] } : {}),
  };
}

function relaySettings(server: CodexServer) {
  return { command: server.command, args: server.args, env: relayEnvironment(server) };
}

/** Returns the namespace under which the model finds a server's tools. */
export function codexNamespace(serverName: string): string {
  return `mcp__${codexToolName(serverName)}`;
}

/** Returns the name that codex gives a tool for the model and in its records; a name that collides also gets a hash. */
export function codexToolName(offeredName: string): string {
  return offeredName.replace(/[^A-Za-z0-9_]/g, "_");
}

/** Returns the variables that codex's environment needs so that the bridge accepts the relay. */
export function codexEnvironment(token: string): Record<string, string> {
  return { [RELAY_TOKEN]: token };
}

/**
 * Returns the variables that codex needs in addition to `env` to reach a bridge over HTTP when a proxy is set: codex (0.135 to 0.169)
 * sends even requests for 127.0.0.1, with the token, to `HTTP_PROXY`, unless `NO_PROXY` names the address. If both
 * `NO_PROXY` and `no_proxy` are set, it reads the first.
 */
export function codexNoProxy(env: { readonly [name: string]: string | undefined }): Record<string, string> {
  const exempt = (env.NO_PROXY || env.no_proxy || "").split(",").filter((host) => host.trim() !== "");
  return { NO_PROXY: [...exempt, "127.0.0.1"].join(",") };
}

/** Names that sanitizing leaves unchanged and that can't be mistaken for a name with a hash. */
const PLAIN_ID = /^(?!(.*-)?[0-9a-f]{10}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$/;
const SERVER_PREFIX = "plexum-host-";
/** Short, since codex 0.135 has 64 characters for server and tool together. */
const MAX_PLAIN_LENGTH = 20;

/**
 * Returns the name of an agent's server in codex: `plexum-host-<id>`, with a hash if a name can't hold the id unchanged. No
 * two ids share a name, or the namespace that codex derives from it (where `-` becomes `_`).
 */
export function codexServerName(agentId: string): string {
  if (agentId.length <= MAX_PLAIN_LENGTH && PLAIN_ID.test(agentId)) return SERVER_PREFIX + agentId;
  const hash = createHash("sha256").update(JSON.stringify(agentId)).digest("hex").slice(0, 10);
  const readable = agentId.replace(/[^A-Za-z0-9]+/g, "-").slice(0, MAX_PLAIN_LENGTH - hash.length - 1);
  return SERVER_PREFIX + [...readable.split("-").filter(Boolean), hash].join("-");
}

const codexMeta = z.looseObject({
  callId: z.string().optional().catch(undefined), // from 0.148
  itemId: z.string().optional().catch(undefined), // from 0.151
  threadId: z.string().optional().catch(undefined),
  "x-codex-turn-metadata": z.looseObject({ turn_id: z.string().optional() }).optional().catch(undefined),
});

/**
 * Returns the ids of a codex call, for the bridge's `identifyCall`. In code mode `callId` is the nested call's (`exec-<uuid>`), which no item of the rollout
 * has, and `itemId` the id of the script's own item.
 */
export function identifyCodexCall(meta: { readonly [key: string]: unknown }): CallIdentity {
  const { callId, itemId, threadId, "x-codex-turn-metadata": turn } = codexMeta.parse(meta);
  return { callId, itemId, threadId, turnId: turn?.turn_id };
}

export interface CodexCommand {
  /** The codex executable. */
  readonly codex: string;
  /** Arguments that precede codex's own, if `codex` is a launcher. */
  readonly codexArgs?: readonly string[];
  /** codex's environment. Default: this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** How long one `codex mcp` command may take, in milliseconds. @default 30_000 */
  readonly timeoutMs?: number;
  /** Ends a running command. The function that started it then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Adds the server to codex's own config, unless the config already has it with the same values. The rest of the file is
 * unchanged, unless codex itself must write it: if the file is missing, or `mcp_servers` is an inline table.
 *
 * @throws McpBridgeError `registration_failed`, or `invalid_value` if a value holds a NUL.
 */
export function registerGlobally(server: CodexServer, codex: CodexCommand): Promise<"added" | "unchanged"> {
  return oneAtATime(async () => {
    const name = codexServerName(server.agentId);
    const env = relayEnvironment(server);
    const wanted = { type: "stdio", command: server.command, args: server.args, env };
    const found = await registered(name, codex);
    if (found && isDeepStrictEqual(found, wanted)) return "unchanged";
    const isThere = async () => isDeepStrictEqual(await registered(name, codex), wanted);
    if (await changeFile(configPath(codex), (text) => withServer(text, name, wanted), isThere)) return "added";
    const variables = Object.entries(env).flatMap(([key, value]) => ["--env", `${key}=${value}`]);
    await run(codex, ["mcp", "add", name, ...variables, "--", server.command, ...server.args]);
    return "added";
  });
}

/**
 * Removes an agent's server from codex's own config. The rest of the file is unchanged if the server has tables of its own
 * there.
 * @throws McpBridgeError `registration_failed`.
 */
export function unregisterGlobally(agentId: string, codex: CodexCommand): Promise<"removed" | "absent"> {
  return oneAtATime(async () => {
    const name = codexServerName(agentId);
    if (!(await registered(name, codex))) return "absent";
    await remove(name, codex);
    return "removed";
  });
}

/** A server in codex's own config that `registerGlobally` added, judging by its name. */
export interface GlobalRegistration {
  readonly name: string;
  /** The program that codex starts, with its arguments. */
  readonly command: readonly string[];
  /** Removes it. Resolves with false, and removes nothing, if a bridge is listening for it. @throws McpBridgeError `registration_failed`. */
  remove(): Promise<boolean>;
}

const listSchema = z.array(
  z.looseObject({
    name: z.string(),
    transport: z.looseObject({
      command: z.string().optional(),
      args: z.array(z.string()).optional(),
      env: z.record(z.string(), z.string()).nullish(),
    }),
  }),
);

/**
 * Returns the bridges' servers in codex's own config, no matter who registered them.
 * @throws McpBridgeError `registration_failed`.
 */
export async function globalRegistrations(codex: CodexCommand): Promise<GlobalRegistration[]> {
  const servers = await ask(listSchema, codex, ["mcp", "list", "--json"]);
  return servers
    .filter(({ name }) => name.startsWith(SERVER_PREFIX))
    .map(({ name, transport: { command = "", args = [], env } }) => ({
      name,
      command: [command, ...args],
      remove: () =>
        oneAtATime(async () => {
          const socketPath = env?.[RELAY_SOCKET];
          if (socketPath !== undefined && (await isListening(socketPath))) return false;
          await remove(name, codex);
          return true;
        }),
    }));
}

const registeredSchema = z.object({
  transport: z.object({
    type: z.string(),
    command: z.string().optional(),
    args: z.array(z.string()).optional(),
    env: z.record(z.string(), z.string()).nullish(),
  }),
});

async function remove(name: string, codex: CodexCommand): Promise<void> {
  const isGone = async () => (await registered(name, codex)) === undefined;
  if (await changeFile(configPath(codex), (text) => withoutServer(text, name), isGone)) return;
  await run(codex, ["mcp", "remove", name]);
}

/** The folder of codex's config. A launcher may set another `CODEX_HOME`, and codex must see the changes made here. */
function configPath({ env = process.env }: CodexCommand): string {
  return join(env.CODEX_HOME || join(env.HOME || homedir(), ".codex"), "config.toml");
}

/** Returns how codex would start the server of this name, or undefined if it knows none. */
async function registered(name: string, codex: CodexCommand) {
  try {
    return (await ask(registeredSchema, codex, ["mcp", "get", name, "--json"])).transport;
  } catch (error) {
    if (McpBridgeError.isInstance(error) && error.message.includes("No MCP server named")) return undefined;
    throw error;
  }
}

/** @throws McpBridgeError `registration_failed`, or the signal's reason. */
async function ask<T>(schema: z.ZodType<T>, codex: CodexCommand, args: string[]): Promise<T> {
  const answer = await run(codex, args);
  try {
    return schema.parse(JSON.parse(answer));
  } catch (cause) {
    const fault = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw failed(args, `its answer is not what it was in the versions known here: ${fault}`, cause);
  }
}

/** @throws as `ask` does. */
async function run(
  { codex, codexArgs = [], env, timeoutMs = 30_000, signal }: CodexCommand,
  args: string[],
): Promise<string> {
  const options = { env, signal, timeout: timeLimit("timeoutMs", timeoutMs), windowsHide: true };
  let said = "";
  try {
    return await new Promise((resolve, reject) => {
      const child = execFile(codex, [...codexArgs, ...args], options, (error, stdout, stderr) => {
        said = stderr.slice(0, 2000).trim();
        if (error) reject(error);
        else resolve(stdout);
      });
      child.stdin?.end();
    });
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    throw failed(args, said || (cause as Error).message, cause);
  }
}

function failed(args: readonly string[], why: string, cause: unknown): McpBridgeError {
  return new McpBridgeError("registration_failed", `\`codex ${args.slice(0, 3).join(" ")}\` failed: ${why}`, { cause });
}

let lastRegistration: Promise<unknown> = Promise.resolve();

/** codex loses entries when two of its processes change its config at once. */
function oneAtATime<T>(task: () => Promise<T>): Promise<T> {
  const result = lastRegistration.then(task);
  lastRegistration = result.catch(() => {});
  return result;
}

function relayEnvironment({ agentId, socketPath, command, args }: CodexServer): Record<string, string> {
  checkNoNul(agentId, socketPath, command, ...args);
  return relayAddress({ agentId, socketPath });
}
