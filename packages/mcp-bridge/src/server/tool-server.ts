import { type CallLimits, CallRunner } from "./call-runner.ts";
import type { McpConnection } from "./mcp-connection.ts";
import { type McpClient, type McpHandlers, serveMcp } from "./mcp-server.ts";
import type { CallIdentity, CallTool } from "./tool-call.ts";
import { type BridgeTool, type Toolbox, toolbox } from "./tools.ts";

/** How many different warnings about results a server emits. */
const MAX_WARNINGS = 100;

export interface ToolServerOptions extends CallLimits {
  /** The agent that the tools belong to. Any text, including the empty one. */
  readonly agentId: string;
  readonly tools: readonly BridgeTool[];
  readonly callTool: CallTool;
  /** Finds the client's own ids of a call in the metadata that it sends with the call. By default, a call has none. */
  readonly identifyCall?: (meta: { readonly [key: string]: unknown }) => CallIdentity;
  /** Called with a sentence when a client is turned away or sends what can't be read, and when a tool or its result is changed. */
  readonly onWarning?: (message: string) => void;
  /** The name and version that MCP clients see. */
  readonly serverInfo?: { readonly name: string; readonly version: string };
  /**
   * The longest result, in bytes of JSON. A longer one loses the middle of its texts. codex 0.169 ignores a line longer than
   * 16 MiB, and keeps waiting for the answer.
   *
   * @default 15_728_640
   */
  readonly maxResultBytes?: number;
}

/** One agent's tools for any number of MCP clients, however they are connected. */
export class ToolServer {
  readonly agentId: string;
  readonly #identifyCall: (meta: { readonly [key: string]: unknown }) => CallIdentity;
  readonly #onWarning: (message: string) => void;
  readonly #serverInfo: { readonly name: string; readonly version: string };
  readonly #maxResultBytes: number;
  readonly #runner: CallRunner;
  readonly #clients = new Set<McpClient>();
  readonly #warnedOf = new Set<string>();
  #tools: Toolbox;

  /** @throws McpBridgeError `invalid_tools` or `invalid_value`. */
  constructor(options: ToolServerOptions) {
    // Text that UTF-8 can't represent would come back from a client as something else.
    this.agentId = options.agentId.toWellFormed();
    this.#identifyCall = options.identifyCall ?? (() => ({}));
    this.#onWarning = options.onWarning ?? (() => {});
    this.#serverInfo = options.serverInfo ?? { name: "plexum-mcp-bridge", version: "1" };
    this.#maxResultBytes = options.maxResultBytes ?? 15 * 1024 * 1024;
    this.#tools = toolbox(options.tools);
    for (const warning of this.#tools.warnings) this.#warnOnce(warning);
    this.#runner = new CallRunner(options.callTool, options, (name, fault) =>
      this.#warnOnce(`The tool ${JSON.stringify(name)} returned ${fault}`),
    );
  }

  /** @throws McpBridgeError `invalid_tools`; the previous tools stay. */
  setTools(tools: readonly BridgeTool[]): void {
    const before = this.#tools;
    this.#tools = toolbox(tools);
    for (const warning of this.#tools.warnings) this.#warnOnce(warning);
    if (before.json === this.#tools.json) return;
    for (const client of this.#clients) client.toolsChanged();
  }

  /** Serves a client until its connection closes, which aborts its calls. */
  async connect(connection: McpConnection): Promise<void> {
    let client: McpClient | undefined;
    let isClosed = false;
    const handlers: McpHandlers = {
      serverInfo: this.#serverInfo,
      maxResultBytes: this.#maxResultBytes,
      listTools: () => this.#tools.offered,
      callTool: ({ name, meta, ...request }) => {
        const hostName = this.#tools.hostNames.get(name);
        if (hostName === undefined) return undefined;
        return this.#runner.run({ ...this.#identifyCall(meta), ...request, name: hostName, meta });
      },
      onFault: (message) => this.warn(`A client of agent ${JSON.stringify(this.agentId)}: ${message}`),
      onClosed: () => {
        isClosed = true;
        if (client) this.#clients.delete(client);
      },
    };
    client = await serveMcp(connection, handlers);
    if (!isClosed) this.#clients.add(client);
  }

  warn(message: string): void {
    this.#onWarning(message);
  }

  /** A tool may be called thousands of times with the same fault. */
  #warnOnce(message: string): void {
    if (this.#warnedOf.has(message) || this.#warnedOf.size >= MAX_WARNINGS) return;
    this.#warnedOf.add(message);
    this.#onWarning(message);
  }
}
