/** The part of OpenClaw's plugin API that the package uses: its types, and a host of one node. */

interface NodeHostCommand {
  command: string;
  cap?: string;
  dangerous?: boolean;
  hasActiveWork?: () => boolean;
  handle: (paramsJSON?: string | null, io?: { input: unknown }, context?: HandleContext) => Promise<string>;
}

interface HandleContext {
  sessionKey?: string;
  signal?: AbortSignal;
}

type Transported =
  | { ok: true; payload?: unknown; payloadJSON?: string | null }
  | { ok: false; code?: string; message: string; details?: Record<string, unknown> };

type Decision = "allow-once" | "allow-always" | "deny";

interface PolicyContext {
  nodeId: string;
  command: string;
  params: unknown;
  timeoutMs?: number;
  config: object;
  node?: { nodeId: string; displayName?: string; platform?: string; caps?: string[]; commands?: string[] };
  approvals?: {
    request: (input: {
      title: string;
      description: string;
      severity?: "info" | "warning" | "critical";
      toolName?: string;
      allowedDecisions?: readonly Decision[];
      timeoutMs?: number;
    }) => Promise<{ id?: string; decision?: Decision | null }>;
  };
  invokeNode: (input?: { params?: unknown; timeoutMs?: number }) => Promise<Transported>;
}

interface NodeInvokePolicy {
  commands: string[];
  defaultPlatforms?: ("ios" | "android" | "macos" | "windows" | "linux" | "unknown")[];
  dangerous?: boolean;
  handle: (context: PolicyContext) => Promise<Transported> | Transported;
}

export interface PluginApi {
  registerNodeHostCommand(command: NodeHostCommand): void;
  registerNodeInvokePolicy(policy: NodeInvokePolicy): void;
  runtime: {
    nodes: {
      list: (params?: { connected?: boolean }) => Promise<{
        nodes: {
          nodeId: string;
          displayName?: string;
          remoteIp?: string;
          connected?: boolean;
          caps?: string[];
          commands?: string[];
        }[];
      }>;
      /** `scopes` are honored for OpenClaw's own plugins and those it trusts. */
      invoke: (params: {
        nodeId: string;
        command: string;
        params?: unknown;
        timeoutMs?: number;
        idempotencyKey?: string;
        scopes?: ("operator.admin" | "operator.approvals" | "operator.read" | "operator.write")[];
      }) => Promise<unknown>;
    };
  };
}

/** A host whose one node runs the registered commands; `decide` answers approval requests, if given. */
export function openClaw(decide?: () => Decision): PluginApi {
  const commands: NodeHostCommand[] = [];
  const policies: NodeInvokePolicy[] = [];
  const node = { nodeId: "node-1", displayName: "Studio", connected: true };
  const approvals = decide && { request: async () => ({ id: "approval-1", decision: decide() }) };
  return {
    registerNodeHostCommand: (command) => void commands.push(command),
    registerNodeInvokePolicy: (policy) => void policies.push(policy),
    runtime: {
      nodes: {
        list: async () => ({ nodes: [{ ...node, commands: commands.map(({ command }) => command) }] }),
        invoke: async ({ nodeId, command, params }) => {
          const invokeNode = async (): Promise<Transported> => {
            const payloadJSON = await commands
              .find((known) => known.command === command)
              ?.handle(JSON.stringify(params));
            return { ok: true, payload: payloadJSON && JSON.parse(payloadJSON), payloadJSON: payloadJSON ?? null };
          };
          const policy = policies.find((known) => known.commands.includes(command));
          const caps = commands.flatMap(({ cap }) => cap ?? []);
          const context = { nodeId, command, params, config: {}, node: { ...node, caps }, invokeNode };
          return policy?.handle(approvals === undefined ? context : { ...context, approvals });
        },
      },
    },
  };
}
