import { CodexCommandsError } from "../errors.ts";
import type { HostNode } from "../host-runtime.ts";
import { plainText } from "../plain-text.ts";

/** How many nodes a message names. */
const MAX_NAMED = 5;

/**
 * Returns the one connected node that exposes the command: the requested one, by id, display name or address, or the only one.
 *
 * @throws CodexCommandsError `node_not_found`, `node_unsupported` or `node_ambiguous`.
 */
export function chooseNode(nodes: readonly HostNode[], requested: string | undefined, command: string): HostNode {
  const connected = nodes.filter((node) => node.connected !== false);
  if (connected.length === 0) {
    throw new CodexCommandsError(
      "node_not_found",
      "No node is connected: start one, or find out why it can't connect.",
    );
  }
  const meant = requested === undefined ? connected : connected.filter(isMeant(connected, requested));
  if (meant.length === 0) {
    throw new CodexCommandsError(
      "node_not_found",
      `No connected node is called "${plainText(requested ?? "", 80)}". Connected: ${names(connected)}.`,
    );
  }
  const [node, ...others] = meant.filter((candidate) => exposes(candidate, command));
  if (node === undefined) throw unsupported(meant, command);
  if (others.length === 0) return node;
  throw new CodexCommandsError(
    "node_ambiguous",
    `Several nodes expose ${command}: name one of them by its id. They are ${names([node, ...others])}.`,
  );
}

/** @throws CodexCommandsError `node_unsupported`. */
export function assertExposes(node: HostNode, command: string): void {
  if (!exposes(node, command)) throw unsupported([node], command);
}

const exposes = ({ commands }: HostNode, command: string) => commands?.includes(command) === true;

const unsupported = (nodes: readonly HostNode[], command: string) =>
  new CodexCommandsError(
    "node_unsupported",
    nodes.length === 1
      ? `Node ${names(nodes)} does not expose ${command}: install the command there, and allow it on the host.`
      : `None of the nodes exposes ${command}: ${names(nodes)}.`,
  );

/** An id stands for its node, even if it is the name of another node. */
function isMeant(nodes: readonly HostNode[], requested: string): (node: HostNode) => boolean {
  const text = requested.trim();
  if (nodes.some(({ nodeId }) => nodeId === text)) return ({ nodeId }) => nodeId === text;
  const folded = text.toLowerCase();
  return ({ displayName, remoteIp }) => displayName?.trim().toLowerCase() === folded || remoteIp === text;
}

export const nodeLabel = ({ nodeId, displayName }: HostNode): string => displayName?.trim() || nodeId;

function names(nodes: readonly HostNode[]): string {
  const named = nodes.slice(0, MAX_NAMED).map((node) => {
    const [label, id] = [plainText(nodeLabel(node), 80), plainText(node.nodeId, 80)];
    return label === id ? id : `${label} (${id})`;
  });
  const more = nodes.length - named.length;
  return named.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
