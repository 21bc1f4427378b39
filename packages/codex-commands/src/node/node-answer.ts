import { z } from "zod";
import { LIST_COMMAND, MAX_LIMIT, RESUME_COMMAND } from "../commands.ts";
import { CodexCommandsError } from "../errors.ts";
import { sessionIdSchema } from "../params.ts";
import { plainText } from "../plain-text.ts";
import type { ResumedSession, SessionListing, SessionSummary } from "../session-summary.ts";

const text = z.string().optional().catch(undefined);
const flag = z.boolean().catch(false);
const mark = z.literal(true).optional().catch(undefined);
const count = z.number().int().nonnegative().optional().catch(undefined);

/** Strict about what identifies a session, lenient about the rest: a node may be older or newer than its host. */
const summarySchema = z.object({
  sessionId: sessionIdSchema,
  updatedAt: text,
  title: text,
  lastMessage: text,
  cwd: text,
  sessionFile: text,
  messageCount: z.number().int().nonnegative().catch(0),
  archived: flag,
  compressed: flag,
  partialScan: mark,
  parentId: text,
  role: text,
});

const listingSchema = z.object({
  sessions: z.array(z.unknown()),
  warnings: z.array(z.string()).catch([]),
  codexHome: text,
  // A newer node of OpenClaw limits how much it reads for a filter, and reports that.
  searchTruncated: mark,
  scannedFileCount: count,
  sessionFileCount: count,
  unreadSpanCount: count,
});

const resumedSchema = z.object({ ok: z.literal(true), sessionId: text, text: z.string() });

/**
 * Reads the list from a node's answer. A session of the wrong shape is omitted, with a warning.
 * @throws CodexCommandsError `node_malformed` or `node_failed`.
 */
export function readListing(answer: unknown): SessionListing {
  const { sessions, warnings, codexHome, searchTruncated, ...counts } = read(listingSchema, answer, LIST_COMMAND);
  const offered = sessions.slice(0, MAX_LIMIT);
  const good: SessionSummary[] = [];
  for (const session of offered) {
    const summary = summarySchema.safeParse(session);
    if (summary.success) good.push(summary.data);
  }
  const bad = offered.length - good.length;
  const warning = bad === 0 ? [] : [`${bad} of the node's sessions could not be read.`];
  const truncated = searchTruncated ? [truncation(counts)] : [];
  return { sessions: good, warnings: [...truncated, ...warnings, ...warning], codexHome, searchTruncated };
}

interface SearchCounts {
  readonly scannedFileCount?: number | undefined;
  readonly sessionFileCount?: number | undefined;
  readonly unreadSpanCount?: number | undefined;
}

/** Describes a truncated search. Something was not searched, even if there are no counts or they show no gap. */
function truncation({ scannedFileCount, sessionFileCount, unreadSpanCount = 0 }: SearchCounts): string {
  const isCounted = scannedFileCount !== undefined && sessionFileCount !== undefined;
  const gaps = [
    isCounted && scannedFileCount < sessionFileCount ? `${scannedFileCount} of ${sessionFileCount} session files` : "",
    unreadSpanCount > 0 ? `${unreadSpanCount} large ${unreadSpanCount === 1 ? "file" : "files"} only in part` : "",
  ].filter(Boolean);
  const searched = gaps.length > 0 ? `The node searched ${gaps.join(", ")}` : "The node did not search everything";
  return `${searched}, so matching sessions may be missing. List with "searchAll" to search everything.`;
}

/**
 * Reads the answer of a resume. `asked` is the session that was to be resumed, for nodes that do not repeat its id.
 * @throws CodexCommandsError `node_malformed` or `node_failed`.
 */
export function readResumed(answer: unknown, asked: string): ResumedSession {
  const { sessionId = asked, ...rest } = read(resumedSchema, answer, RESUME_COMMAND);
  return { ...rest, sessionId };
}

function read<Schema extends z.ZodType>(schema: Schema, answer: unknown, command: string): z.output<Schema> {
  const result = schema.safeParse(unwrap(answer, command));
  if (result.success) return result.data;
  throw malformed(command, "does not have the command's shape", result.error);
}

/** The envelope that a host puts around a node's answer. */
const envelopeSchema = z.looseObject({
  ok: z.boolean().optional().catch(undefined),
  payload: z.unknown().optional(),
  payloadJSON: z.string().nullish().catch(undefined),
  message: z.string().optional().catch(undefined),
  error: z
    .union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)])
    .optional()
    .catch(undefined),
});

/** Keys that are not part of the command's answer. */
const ENVELOPE_KEYS = new Set(["ok", "nodeId", "command", "payload", "payloadJSON", "message", "error"]);

function unwrap(answer: unknown, command: string): unknown {
  const envelope = envelopeSchema.safeParse(answer);
  if (!envelope.success) throw malformed(command, "is empty");
  const { ok, payload, payloadJSON, message, error } = envelope.data;
  if (ok === false) {
    const reason = plainText(message ?? error ?? "no reason given", 2000);
    throw new CodexCommandsError("node_failed", `The node did not run ${command}: ${reason}`);
  }
  // The order of OpenClaw's own reader: the text is from the node, `payload` is the host's version of it.
  if (payloadJSON?.trim()) return parse(payloadJSON, command);
  if (payload != null) return payload;
  // Without an envelope: the command's own result.
  if (Object.keys(envelope.data).some((key) => !ENVELOPE_KEYS.has(key))) return envelope.data;
  throw malformed(command, "is empty");
}

function parse(json: string, command: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw malformed(command, "is not JSON", cause);
  }
}

const malformed = (command: string, how: string, cause?: unknown) =>
  new CodexCommandsError(
    "node_malformed",
    `The node's answer to ${command} ${how}: check that the node's version of the command is compatible with this host.`,
    { cause },
  );
