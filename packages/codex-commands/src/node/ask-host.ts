import { messageOf } from "@plexum/coded-error";
import { z } from "zod";
import { CodexCommandsError } from "../errors.ts";
import type { HostNode, HostRuntime } from "../host-runtime.ts";
import { plainText } from "../plain-text.ts";
import { withTimeLimit } from "../time-limit.ts";
import { nodeLabel } from "./choose-node.ts";

const optionalText = z.string().optional().catch(undefined);

const nodeSchema = z.object({
  nodeId: z.string().min(1),
  displayName: optionalText,
  remoteIp: optionalText,
  connected: z.boolean().optional().catch(undefined),
  commands: z.array(z.string()).optional().catch(undefined),
});

const nodesSchema = z.object({ nodes: z.array(z.unknown()) });

/**
 * Returns the connected nodes. Omits entries that are not nodes.
 *
 * @throws CodexCommandsError `node_timed_out` or `node_failed`; the signal's reason.
 */
export async function listNodes(
  runtime: HostRuntime,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<HostNode[]> {
  const onTimeout = () =>
    new CodexCommandsError(
      "node_timed_out",
      `The host did not list its nodes within ${seconds(timeoutMs)}: try again.`,
    );
  const answer = await ask(timeoutMs, signal, onTimeout, "The host could not list its nodes", () =>
    runtime.nodes.list({ connected: true }),
  );
  const listed = nodesSchema.safeParse(answer);
  if (!listed.success) {
    throw new CodexCommandsError("node_failed", "The host's answer is not a list of nodes: check the host's version.");
  }
  return listed.data.nodes.flatMap((node) => nodeSchema.safeParse(node).data ?? []);
}

export interface NodeCall {
  readonly node: HostNode;
  readonly command: string;
  readonly params: unknown;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Returns the host's answer for the node, unchanged.
 * @throws CodexCommandsError `node_timed_out` or `node_failed`; the signal's reason.
 */
export async function invokeNode(runtime: HostRuntime, call: NodeCall): Promise<unknown> {
  const { node, command, params, timeoutMs, signal } = call;
  const label = plainText(nodeLabel(node), 80);
  const onTimeout = () =>
    new CodexCommandsError(
      "node_timed_out",
      `Node ${label} did not answer ${command} within ${seconds(timeoutMs)}, and may still be running it: check the node, then try again.`,
    );
  return ask(timeoutMs, signal, onTimeout, `Node ${label} failed at ${command}`, (either) =>
    runtime.nodes.invoke({
      nodeId: node.nodeId,
      command,
      params,
      timeoutMs,
      scopes: ["operator.write"],
      signal: either,
    }),
  );
}

async function ask<T>(
  timeoutMs: number,
  signal: AbortSignal | undefined,
  onTimeout: () => CodexCommandsError,
  failed: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await withTimeLimit(timeoutMs, signal, onTimeout, work);
  } catch (cause) {
    signal?.throwIfAborted();
    if (CodexCommandsError.isInstance(cause)) throw cause;
    const reason = plainText(messageOf(cause), 2000);
    throw new CodexCommandsError("node_failed", `${failed}: ${reason}`, { cause });
  }
}

const seconds = (ms: number) => `${ms / 1000} s`;
