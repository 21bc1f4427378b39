import type { CallIdentity, ToolProgress, ToolResult } from "../server/tool-call.ts";
import type { ToolServerOptions } from "../server/tool-server.ts";
import { hostContent } from "./host-content.ts";
import { type HostTool, offerableTools } from "./offerable-tools.ts";

/** A call as a Plexum host takes it: the parameters of `plexum/host/tools/call`. */
export interface HostCall {
  readonly agent_id: string;
  readonly stream_id: string;
  readonly call_id?: string;
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

/** One turn of a Plexum host. `host`, `request` and `signal` are those that a plugin of `@plexum/plugin-sdk` receives. */
export interface HostTurn {
  readonly host: {
    callTool(
      call: HostCall,
      options: { readonly signal: AbortSignal; readonly onProgress: (progress: ToolProgress) => void },
    ): Promise<ToolResult>;
  };
  readonly request: {
    readonly stream_id: string;
    readonly agent: { readonly agent_id: string };
    readonly request: { readonly tools?: readonly HostTool[] | null | undefined };
  };
  /** The turn's signal. It aborts running calls, even if the CLI does not cancel them. */
  readonly signal: AbortSignal;
  /** Finds the ids of a call in the metadata that the CLI sends with it. Without this function, the host gets no `call_id`. */
  readonly identifyCall?: (meta: { readonly [key: string]: unknown }) => CallIdentity;
  /** Called before each call goes to the host. */
  readonly onCall?: (identity: CallIdentity) => void;
  /** Called with a sentence for each tool that can't be offered, and with a bridge's other warnings. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Returns the options with which `startBridge` or an endpoint's `open` offers a turn's tools and lets the host run
 * their calls. Leaves out a tool that MCP can't describe, with a warning. Converts images in results to MCP's shape.
 */
export function hostToolServer(turn: HostTurn): ToolServerOptions {
  const { host, request, signal: turnSignal, identifyCall, onCall, onWarning } = turn;
  const { stream_id, agent } = request;
  const { tools, warnings } = offerableTools(request.request.tools ?? []);
  for (const warning of warnings) onWarning?.(warning);
  return {
    agentId: agent.agent_id,
    tools,
    ...(identifyCall && { identifyCall }),
    ...(onWarning && { onWarning }),
    async callTool({ name, arguments: args, meta, signal, reportProgress, ...identity }) {
      onCall?.(identity);
      const { callId } = identity;
      const call = {
        agent_id: agent.agent_id,
        stream_id,
        ...(callId === undefined ? {} : { call_id: callId }),
        name,
        arguments: { ...args },
      };
      const result = await host.callTool(call, {
        signal: AbortSignal.any([signal, turnSignal]),
        onProgress: reportProgress,
      });
      return { ...result, content: result.content.map(hostContent) };
    },
  };
}
