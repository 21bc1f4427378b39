import { z } from "zod";
import { LIST_COMMAND, MAX_LIMIT, RESUME_COMMAND } from "./commands.ts";
import { CodexCommandsError } from "./errors.ts";
import { sessionIdSchema } from "./params.ts";
import { plainText } from "./plain-text.ts";
import type { ResumedSession, SessionListing, SessionSummary } from "./session-summary.ts";

const text = z.string().optional().catch(undefined);
const flag = z.boolean().catch(false);

/** Strict in what a session is known by, loose in the rest: a node may be older or newer than its host. */
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
  parentId: text,
  role: text,
});

const listingSchema = z.object({
  sessions: z.array(z.unknown()),
  warnings: z.array(z.string()).catch([]),
  codexHome: text,
});

const resumedSchema = z.object({ ok: z.literal(true), sessionId: z.string(), text: z.string() });

/**
 * The list in what a node answered. A session of the wrong shape is left out, with a warning.
 * @throws CodexCommandsError `node_malformed` or `node_failed`.
 */
export function readListing(answer: unknown): SessionListing {
  const { sessions, warnings, codexHome } = read(listingSchema, answer, LIST_COMMAND);
  const offered = sessions.slice(0, MAX_LIMIT);
  const good: SessionSummary[] = [];
  for (const session of offered) {
    const summary = summarySchema.safeParse(session);
    if (summary.success) good.push(summary.data);
  }
  const bad = offered.length - good.length;
  const warning = bad === 0 ? [] : [`${bad} of the node's sessions could not be understood.`];
  return { sessions: good, warnings: [...warnings, ...warning], codexHome };
}

/** @throws CodexCommandsError `node_malformed` or `node_failed`. */
export const readResumed = (answer: unknown): ResumedSession => read(resumedSchema, answer, RESUME_COMMAND);

function read<Schema extends z.ZodType>(schema: Schema, answer: unknown, command: string): z.output<Schema> {
  const result = schema.safeParse(unwrap(answer, command));
  if (result.success) return result.data;
  throw malformed(command, "is not of the shape that the command has", result.error);
}

/** What a host wraps around a node's answer. */
const envelopeSchema = z.object({
  ok: z.boolean().optional().catch(undefined),
  payload: z.unknown().optional(),
  payloadJSON: z.string().nullish().catch(undefined),
  message: z.string().optional().catch(undefined),
  error: z
    .union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)])
    .optional()
    .catch(undefined),
});

function unwrap(answer: unknown, command: string): unknown {
  const envelope = envelopeSchema.safeParse(answer);
  if (!envelope.success) throw malformed(command, "is empty");
  const { ok, payload, payloadJSON, message, error } = envelope.data;
  if (ok === false) {
    const reason = plainText(message ?? error ?? "no reason given", 2000);
    throw new CodexCommandsError("node_failed", `The node did not run ${command}: ${reason}`);
  }
  if (payload != null) return payload;
  if (payloadJSON == null) throw malformed(command, "is empty");
  try {
    return JSON.parse(payloadJSON);
  } catch (cause) {
    throw malformed(command, "is not JSON", cause);
  }
}

const malformed = (command: string, how: string, cause?: unknown) =>
  new CodexCommandsError(
    "node_malformed",
    `The node's answer to ${command} ${how}: check that the node runs a version of the command that fits this host.`,
    { cause },
  );
