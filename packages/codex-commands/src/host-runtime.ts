/** The part of a host's plugin API that reaches the nodes, as far as this package uses it. */
export interface HostRuntime {
  readonly nodes: {
    list(params?: { connected?: boolean }): Promise<{ nodes: readonly HostNode[] }>;
    /** Returns `{ payload }`, `{ payloadJSON }`, both, or the answer itself. */
    invoke(params: InvokeNodeParams): Promise<unknown>;
  };
}

export interface HostNode {
  readonly nodeId: string;
  readonly displayName?: string | undefined;
  readonly remoteIp?: string | undefined;
  readonly connected?: boolean | undefined;
  /** The commands that the node exposes. */
  readonly commands?: readonly string[] | undefined;
}

export interface InvokeNodeParams {
  nodeId: string;
  command: string;
  params: unknown;
  timeoutMs: number;
  /** OpenClaw requires this scope. Without it, the scopes of the request that the plugin serves apply, such as a read. */
  scopes: "operator.write"[];
  signal: AbortSignal;
}
