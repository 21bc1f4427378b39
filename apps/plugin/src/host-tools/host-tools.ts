import {
  bridgeSocketPath,
  codexEnvironment,
  codexNamespace,
  codexOverrides,
  codexServerName,
  codexThreadConfig,
  codexToolName,
  type HttpEndpoint,
  hostToolNames,
  hostToolServer,
  identifyCodexCall,
  registerGlobally,
  startBridge,
  startHttpEndpoint,
  type ToolServerOptions,
} from "@plexum/mcp-bridge";
import type { Host, StreamRequest } from "@plexum/plugin-sdk";
import { codexCommand } from "../codex-command.ts";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import type { HostNames } from "../turn/tool-call-events.ts";

/** How many nested calls keep a record of their script. The oldest are dropped first. */
const MAX_NESTED_CALLS = 10_000;

/** How codex reaches a turn's tools. */
export interface OfferedTools extends AsyncDisposable {
  /** For `codex exec`, by codex's version. */
  args(version: string): readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** For a thread of `codex app-server`: keys of config.toml, by codex's version. */
  config(version: string): Readonly<Record<string, unknown>>;
}

const NOTHING: OfferedTools = { args: () => [], env: {}, config: () => ({}), [Symbol.asyncDispose]: async () => {} };

/** Returns the names that codex has for the host's tools of this request. */
export const hostNames = ({ agent, request }: StreamRequest): HostNames => ({
  namespace: codexNamespace(codexServerName(agent.agent_id)),
  byCodexName: hostToolNames(request.tools ?? [], codexToolName),
});

/** Offers codex the tools of each turn's request, and forwards its calls to the host. */
export class HostTools implements AsyncDisposable {
  readonly #host: Host;
  readonly #config: Config;
  readonly #env: NodeJS.ProcessEnv;
  #endpoint: Promise<HttpEndpoint> | undefined;
  /** Maps the id of a call made inside a script (codex's code mode) to the item id of the script's own call. */
  readonly nestedCalls = new Map<string, string>();

  constructor(host: Host, config: Config, env: NodeJS.ProcessEnv) {
    this.#host = host;
    this.#config = config;
    this.#env = env;
  }

  /**
   * Offers the tools of a turn. If that fails, logs a warning, and the turn runs without tools.
   *
   * @param transport An app-server reaches the tools by a URL of this process. `exec`, and an agent that is registered in codex's own
   * config, use a relay.
   * @throws only the signal's reason.
   */
  async offer(
    request: StreamRequest,
    transport: "app-server" | "exec",
    log: Log,
    signal: AbortSignal,
  ): Promise<OfferedTools> {
    if ((request.request.tools ?? []).length === 0) return NOTHING;
    try {
      return transport === "app-server" && this.#config.mcpRegistration === "run"
        ? await this.#offerByUrl(request, log, signal)
        : await this.#offerByRelay(request, log, signal);
    } catch (error) {
      signal.throwIfAborted();
      log("warning", `codex runs without the host's tools in this turn: ${(error as Error).message}`);
      return NOTHING;
    }
  }

  /** Ends the server of the tools. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#endpoint)?.close();
  }

  async #offerByUrl(request: StreamRequest, log: Log, signal: AbortSignal): Promise<OfferedTools> {
    this.#endpoint ??= startHttpEndpoint({ onWarning: (message) => this.#host.log("warning", message) });
    const bridge = (await this.#endpoint).open(this.#toolServer(request, log, signal));
    return {
      ...NOTHING,
      config: (version) => codexThreadConfig(bridge, { directTools: this.#wantsDirectTools(version) }),
      [Symbol.asyncDispose]: () => bridge.close(),
    };
  }

  async #offerByRelay(request: StreamRequest, log: Log, signal: AbortSignal): Promise<OfferedTools> {
    const agentId = request.agent.agent_id;
    const relay = { agentId, command: process.execPath, args: [process.argv[1] as string, "mcp-host"] };
    const isRegistered = this.#config.mcpRegistration === "global";
    // Register before the bridge starts, so that a failure leaves no bridge open. Without a bridge, a codex started elsewhere gets an empty list.
    if (isRegistered) {
      const codex = await codexCommand(this.#config, this.#env);
      await registerGlobally({ ...relay, socketPath: bridgeSocketPath(agentId) }, { ...codex, signal });
    }
    const options = this.#toolServer(request, log, signal);
    // A registered relay looks for its bridge only at this path.
    const bridge = await startBridge(isRegistered ? { ...options, socketPath: bridgeSocketPath(agentId) } : options);
    const server = { ...relay, socketPath: bridge.socketPath, token: bridge.token };
    return {
      args: (version) => codexOverrides(server, { isRegistered, directTools: this.#wantsDirectTools(version) }),
      env: codexEnvironment(bridge.token),
      config: (version) => codexThreadConfig(server, { directTools: this.#wantsDirectTools(version) }),
      [Symbol.asyncDispose]: () => bridge.close(),
    };
  }

  #wantsDirectTools(version: string): boolean {
    return this.#config.codeModeTools === "direct" && hasCodeMode(version);
  }

  #toolServer(request: StreamRequest, log: Log, signal: AbortSignal): ToolServerOptions {
    return hostToolServer({
      host: this.#host,
      request,
      // codex notifies an MCP server of an interrupt only from 0.166 on.
      signal,
      identifyCall: identifyCodexCall,
      onCall: ({ callId, itemId }) => {
        if (callId !== undefined && itemId !== undefined) this.#remember(callId, itemId);
      },
      onWarning: (message) => log("warning", message),
    });
  }

  #remember(callId: string, itemId: string): void {
    this.nestedCalls.set(callId, itemId);
    const [oldest] = this.nestedCalls.keys();
    if (this.nestedCalls.size > MAX_NESTED_CALLS && oldest !== undefined) this.nestedCalls.delete(oldest);
  }
}

/**
 * Returns whether this version has code mode. From 0.144 on, codex lets some models call tools only from inside a script.
 * From 0.150 on, it does not even show them the tools until a script asks. With direct tools, the first request has the
 * tools, and each call has its own id and result, which the host can consume exactly. 0.135 refuses to start with this setting.
 */
function hasCodeMode(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 0 || minor >= 144;
}
