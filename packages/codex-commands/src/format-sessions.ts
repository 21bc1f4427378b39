import type { HostNode } from "./host-runtime.ts";
import { nodeLabel } from "./node/choose-node.ts";
import { plainText } from "./plain-text.ts";
import type { SessionListing, SessionSummary } from "./session-summary.ts";

const MAX_MESSAGE = 140;
const MAX_FOLDER = 120;
const MAX_LABEL = 80;
const MAX_WARNING = 300;

/**
 * Formats a list of sessions for a chat: a heading, then one line for each session. Text from sessions and nodes appears as
 * plain text: without control characters, and with look-alikes for markup, mentions and links.
 */
export function formatSessions(listing: SessionListing & { readonly node?: HostNode }): string {
  const { node, sessions, warnings, searchTruncated } = listing;
  const where = node === undefined ? "this machine" : shown(nodeLabel(node), MAX_LABEL);
  const none = searchTruncated
    ? `No codex sessions found on ${where}, but not all were searched.`
    : `No codex sessions on ${where}.`;
  const heading = sessions.length === 0 ? none : `Codex sessions on ${where}:`;
  return [heading, ...sessions.map(line), ...warnings.map((warning) => `Note: ${shown(warning, MAX_WARNING)}`)].join(
    "\n",
  );
}

/** The message is last, so that a message in a right-to-left script can't reorder the text before it. */
function line({ sessionId, updatedAt, archived, partialScan, role, cwd, title, lastMessage }: SessionSummary): string {
  const parts = [
    shown(sessionId, 128),
    updatedAt === undefined ? "" : shown(updatedAt, 40),
    archived ? "archived" : "",
    partialScan ? "read in part" : "",
    role === undefined ? "" : shown(role, MAX_LABEL),
    cwd === undefined ? "" : shown(cwd, MAX_FOLDER),
    title === undefined ? "" : shown(title, MAX_LABEL),
    lastMessage === undefined ? "" : shown(lastMessage, MAX_MESSAGE),
  ];
  return `- ${parts.filter(Boolean).join(" · ")}`;
}

/** Markdown, Slack's and Discord's dialects, HTML. Some would show an escaping backslash and others would interpret it. */
const MARKUP = /[&<>@`*_~|[\]\\]|:(?=\/\/)/g;

/** From U+0021 to U+007E each character has a full-width look-alike, at this distance. */
const FULL_WIDTH = 0xfee0;

const shown = (text: string, max: number) =>
  plainText(text, max).replace(MARKUP, (character) => String.fromCharCode(character.charCodeAt(0) + FULL_WIDTH));
