import {
  type Bridge,
  type BridgeOptions,
  bridgeSocketPath,
  codexEnvironment,
  codexOverrides,
  identifyCodexCall,
  McpBridgeError,
  registerGlobally,
  startBridge,
} from "@plexum/mcp-bridge";
import type { Host, StreamRequest } from "@plexum/plugin-sdk";
import { codexCommand } from "./codex-command.ts";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/** For how many calls made inside scripts the script is remembered, the latest kept. */
const MAX_NESTED_CALLS = 10_000;

/** What codex is started with, so that it sees a turn's tools. */
export interface OfferedTools extends AsyncDisposable {
  /** By codex's version. */
  args(version: string): readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const NOTHING: OfferedTools = { args: () => [], env: {}, [Symbol.asyncDispose]: async () => {} };

/** Offers codex the tools of each turn's request, and takes its calls to the host. */
export class HostTools {
  readonly #host: Host;
  readonly #config: Config;
  readonly #env: NodeJS.ProcessEnv;
  /** By the id of a call made inside a script (codex's code mode): the item id of the script's own call. */
  readonly nestedCalls = new Map<string, string>();

  constructor(host: Host, config: Config, env: NodeJS.ProcessEnv) {
    this.#host = host;
    this.#config = config;
    this.#env = env;
  }

  /**
   * A turn without its tools is told of by a warning, and is still a turn.
   * @throws the signal's reason, and nothing else.
   */
  async offer(request: StreamRequest, log: Log, signal: AbortSignal): Promise<OfferedTools> {
    if ((request.request.tools ?? []).length === 0) return NOTHING;
    const agentId = request.agent.agent_id;
    const relay = { agentId, command: process.execPath, args: [process.argv[1] as string, "mcp-host"] };
    const isRegistered = this.#config.mcpRegistration === "global";
    try {
      // Before the bridge, which would be left open if this fails. Without one, a codex started elsewhere gets an empty list.
      if (isRegistered) {
        const codex = await codexCommand(this.#config, this.#env);
        await registerGlobally({ ...relay, socketPath: bridgeSocketPath(agentId) }, { ...codex, signal });
      }
      const bridge = await this.#bridge(request, log);
      return {
        args: (version) => {
          const directTools = this.#config.codeModeTools === "direct" && hasCodeMode(version);
          return codexOverrides({ ...relay, socketPath: bridge.socketPath }, { isRegistered, directTools });
        },
        env: codexEnvironment(bridge.token),
        [Symbol.asyncDispose]: () => bridge.close(),
      };
    } catch (error) {
      signal.throwIfAborted();
      log("warning", `codex goes without the host's tools in this turn: ${(error as Error).message}`);
      return NOTHING;
    }
  }

  async #bridge(request: StreamRequest, log: Log): Promise<Bridge> {
    const { agent, stream_id, request: conversation } = request;
    const { agent_id } = agent;
    const options: BridgeOptions = {
      agentId: agent_id,
      tools: (conversation.tools ?? []).map(({ name, description, input_schema }) => ({
        name,
        ...(description === undefined ? {} : { description }),
        inputSchema: input_schema,
      })),
      identifyCall: identifyCodexCall,
      onWarning: (message) => log("warning", message),
      callTool: ({ name, arguments: args, callId, itemId, signal, reportProgress }) => {
        if (callId !== undefined && itemId !== undefined) this.#remember(callId, itemId);
        const call = {
          agent_id,
          stream_id,
          ...(callId === undefined ? {} : { call_id: callId }),
          name,
          arguments: { ...args },
        };
        return this.#host.callTool(call, { signal, onProgress: reportProgress });
      },
    };
    try {
      return await startBridge(options);
    } catch (error) {
      // The same agent in another workspace at the same time: a socket of this turn's own serves as well.
      if (
        !McpBridgeError.isInstance(error) ||
        error.code !== "socket-in-use" ||
        this.#config.mcpRegistration === "global"
      )
        throw error;
      return startBridge({ ...options, socketPath: bridgeSocketPath(`${agent_id} ${stream_id}`) });
    }
  }

  #remember(callId: string, itemId: string): void {
    this.nestedCalls.set(callId, itemId);
    const [oldest] = this.nestedCalls.keys();
    if (this.nestedCalls.size > MAX_NESTED_CALLS && oldest !== undefined) this.nestedCalls.delete(oldest);
  }
}

/**
 * From 0.144 on codex lets some models call tools only from inside a script, and from 0.150 on does not even show them the
 * tools before a script asks. Given directly, the tools are in the first request, and each call has an id and a result of
 * its own, which the host can consume exactly. 0.135 refuses to start when it is told so.
 */
function hasCodeMode(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 0 || minor >= 144;
}
