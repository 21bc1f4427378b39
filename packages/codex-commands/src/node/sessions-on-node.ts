import { LIST_COMMAND, MAX_LIMIT, RESUME_COMMAND } from "../commands.ts";
import { CodexCommandsError } from "../errors.ts";
import type { HostNode, HostRuntime } from "../host-runtime.ts";
import { checkListParams, checkResumeParams, checkSessionId } from "../params.ts";
import type { SessionListing, SessionSummary } from "../session-summary.ts";
import { invokeNode, listNodes } from "./ask-host.ts";
import { assertExposes, chooseNode } from "./choose-node.ts";
import { readListing, readResumed } from "./node-answer.ts";

const LIST_TIMEOUT_MS = 15_000;

/** The extra time for starting and ending a turn, beyond its own limit. */
const RESUME_MARGIN_MS = 5_000;

interface NodeOptions {
  /** The node's id, display name or address. Default: the only one that exposes the command. */
  readonly node?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ListOnNodeOptions extends NodeOptions {
  /** Lists only sessions with this text in their id, title, folder or last message. */
  readonly filter?: string | undefined;
  /** The maximum number of sessions, from 1 to 50. @default 10 */
  readonly limit?: number | undefined;
  /** Whether to list archived sessions. @default true */
  readonly archived?: boolean | undefined;
  /** Asks a node that limits its searches to search everything. Allow it more time with `timeoutMs`. */
  readonly searchAll?: boolean | undefined;
  /** Whether to list the threads that codex itself started. @default false */
  readonly subagents?: boolean | undefined;
  /** The time limit of each call to the host, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number;
}

export interface SessionsOnNode extends SessionListing {
  readonly node: HostNode;
}

export interface ResumeOnNodeOptions extends NodeOptions {
  readonly sessionId: string;
  readonly prompt: string;
  /** A folder on the node to run in. Default: the session's own. */
  readonly cwd?: string | undefined;
  /** The turn's time limit in milliseconds, at most an hour. The node's answer may take 5 seconds more. @default 1_200_000 */
  readonly timeoutMs?: number | undefined;
}

export interface FindOnNodeOptions extends NodeOptions {
  readonly sessionId: string;
  /** The time limit of each call to the host, in milliseconds. @default 15_000 */
  readonly timeoutMs?: number;
}

export interface FoundOnNode extends Pick<SessionListing, "searchTruncated"> {
  readonly node: HostNode;
  readonly session: SessionSummary | undefined;
}

/**
 * Returns the sessions of a node, newest first.
 * @throws CodexCommandsError `invalid_params` or one of `node_…`; the signal's reason.
 */
export async function listSessionsOnNode(
  runtime: HostRuntime,
  options: ListOnNodeOptions = {},
): Promise<SessionsOnNode> {
  const { signal, searchAll, timeoutMs = LIST_TIMEOUT_MS } = options;
  const params = { ...checkListParams(options), ...(searchAll === true ? { searchAll } : {}) };
  const node = chooseNode(await listNodes(runtime, timeoutMs, signal), options.node, LIST_COMMAND);
  const answer = await invokeNode(runtime, { node, command: LIST_COMMAND, params, timeoutMs, signal });
  return { node, ...readListing(answer) };
}

/**
 * Runs one turn on a session of a node and returns codex's last message.
 * @throws CodexCommandsError `invalid_params` or one of `node_…`; the signal's reason. Whether the turn then continues
 * depends on the host: not every host notifies its nodes.
 */
export async function resumeSessionOnNode(
  runtime: HostRuntime,
  options: ResumeOnNodeOptions,
): Promise<{ node: HostNode; sessionId: string; text: string }> {
  const { signal } = options;
  const params = checkResumeParams(options);
  const node = chooseNode(await listNodes(runtime, LIST_TIMEOUT_MS, signal), options.node, RESUME_COMMAND);
  const timeoutMs = params.timeoutMs + RESUME_MARGIN_MS;
  const answer = await invokeNode(runtime, { node, command: RESUME_COMMAND, params, timeoutMs, signal });
  const { sessionId, text } = readResumed(answer, params.sessionId);
  return { node, sessionId, text };
}

/**
 * Finds one session, for example to bind a conversation to it, on a node that can also resume it. The beginning of the id is
 * enough if it is unique. `session` is undefined if the node has none. If `searchTruncated` is also set, the node did not
 * search everything, although asked to.
 * @throws CodexCommandsError `invalid_params`, also for the beginning of several ids, which it names; one of `node_…`; the
 * signal's reason.
 */
export async function findSessionOnNode(runtime: HostRuntime, options: FindOnNodeOptions): Promise<FoundOnNode> {
  const { sessionId, ...rest } = options;
  const wanted = checkSessionId(sessionId).toLowerCase();
  const search = async (how: Pick<ListOnNodeOptions, "node" | "searchAll">): Promise<SessionsOnNode> =>
    listSessionsOnNode(runtime, { ...rest, ...how, filter: sessionId, limit: MAX_LIMIT });
  const isWanted = ({ sessionId: id }: SessionSummary) => id.toLowerCase() === wanted;
  let listing = await search({ node: rest.node });
  const { node } = listing;
  assertExposes(node, RESUME_COMMAND);
  // The part that was not searched may hold the session, or another one whose id has this beginning.
  if (listing.searchTruncated && !listing.sessions.some(isWanted))
    listing = await search({ node: node.nodeId, searchAll: true });
  const { sessions, searchTruncated } = listing;
  const begun = sessions.filter(({ sessionId: id }) => id.toLowerCase().startsWith(wanted));
  const exact = begun.find(isWanted);
  // A full list may omit others.
  if (exact === undefined && begun.length > 0 && (begun.length > 1 || sessions.length >= MAX_LIMIT))
    throw ambiguous(sessionId, begun);
  const session = exact ?? begun[0];
  return session === undefined && searchTruncated ? { node, session, searchTruncated } : { node, session };
}

/** How many sessions a message names. */
const MAX_NAMED = 10;

function ambiguous(beginning: string, sessions: readonly SessionSummary[]): CodexCommandsError {
  const named = sessions.slice(0, MAX_NAMED).map(({ sessionId }) => `\n  ${sessionId}`);
  return new CodexCommandsError(
    "invalid_params",
    `More than one session's id may begin with ${beginning}. Give a longer part of the id:${named.join("")}`,
  );
}
