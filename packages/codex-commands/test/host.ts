import type { HostRuntime, InvokeNodeParams } from "../src/host-runtime.ts";

const BOTH = ["codex.cli.sessions.list", "codex.cli.session.resume"];

export const studio = {
  nodeId: "node-1",
  displayName: "Studio",
  remoteIp: "10.0.0.7",
  connected: true,
  commands: BOTH,
};
export const laptop = { ...studio, nodeId: "node-2", displayName: "Laptop", remoteIp: "10.0.0.8" };

/** A host whose nodes answer with a function; `calls` has their requests. */
export function host(nodes: unknown[], answer: (params: InvokeNodeParams) => unknown) {
  const calls: InvokeNodeParams[] = [];
  const runtime = {
    nodes: {
      list: async () => ({ nodes }),
      invoke: async (params: InvokeNodeParams) => {
        calls.push(params);
        return answer(params);
      },
    },
  };
  return { runtime: runtime as HostRuntime, calls };
}
