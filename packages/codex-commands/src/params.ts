import { z } from "zod";
import { DEFAULT_LIMIT, DEFAULT_RESUME_TIMEOUT_MS, MAX_LIMIT, MAX_RESUME_TIMEOUT_MS } from "./commands.ts";
import { CodexCommandsError } from "./errors.ts";

/** Longer than any id, folder or shortened message that a filter could match. */
const MAX_FILTER_CHARACTERS = 1000;

const MAX_FOLDER_CHARACTERS = 4096;

/** Accepts numbers as text, as a chat sends them, and Infinity, which is how JSON's 1e999 is parsed. */
const number = (expected: string) =>
  z
    .union([z.number(), z.literal([Infinity, -Infinity]), z.string().regex(/^\s*-?\d+\s*$/, expected)], {
      error: expected,
    })
    .transform(Number)
    .nullish();

export const sessionIdSchema = z
  .string("must be the id of a codex session")
  .regex(/^[A-Za-z0-9._:-]{1,128}$/, 'must be the id of a codex session: 1 to 128 letters, digits and ". _ : -"');

const limitSchema = number("must be a number").transform((limit) =>
  limit == null ? DEFAULT_LIMIT : Math.trunc(Math.min(Math.max(limit, 1), MAX_LIMIT)),
);

const filterSchema = z
  .string("must be text")
  .max(MAX_FILTER_CHARACTERS, `must be at most ${MAX_FILTER_CHARACTERS} characters long`)
  .nullish()
  .transform((filter) => filter?.trim() || undefined);

const timeoutSchema = number("must be a number of milliseconds")
  .refine((timeout) => timeout == null || timeout > 0, "must be more than 0 milliseconds")
  .transform((timeout) => Math.min(timeout ?? DEFAULT_RESUME_TIMEOUT_MS, MAX_RESUME_TIMEOUT_MS));

/** From OpenClaw's session catalog. Ignoring it would run the prompt on a session of another Codex home. */
const otherHomeSchema = z
  .undefined("is not supported: this node resumes sessions of one Codex home only. Resume the session without it")
  .optional();

const flagSchema = z
  .boolean("must be true or false")
  .nullish()
  .transform((flag) => flag ?? undefined);

const listSchema = z.object({
  limit: limitSchema,
  filter: filterSchema,
  archived: flagSchema,
  /** Includes threads that codex itself started. */
  subagents: flagSchema,
});

const resumeSchema = z.object({
  sessionId: sessionIdSchema,
  prompt: z.string("must be text").regex(/\S/, "must not be empty: say what codex should do"),
  /** Overrides the session's own folder. */
  cwd: z
    .string("must be the path of a folder")
    .max(MAX_FOLDER_CHARACTERS, `must be at most ${MAX_FOLDER_CHARACTERS} characters long`)
    .nullish()
    .transform((cwd) => cwd || undefined),
  timeoutMs: timeoutSchema,
  agentId: otherHomeSchema,
  sourceHomeId: otherHomeSchema,
});

export type ListParams = z.output<typeof listSchema>;
export type ResumeParams = z.output<typeof resumeSchema>;

/** @throws CodexCommandsError `invalid_params`. */
export const checkListParams = (params: unknown): ListParams => check(listSchema, params);

/** @throws CodexCommandsError `invalid_params`. */
export const checkResumeParams = (params: unknown): ResumeParams => check(resumeSchema, params);

/** @throws CodexCommandsError `invalid_params`. */
export const checkSessionId = (sessionId: unknown): string =>
  check(z.object({ sessionId: sessionIdSchema }), { sessionId }).sessionId;

/**
 * Parses the parameters that a host passes to a command: JSON text of an object, or nothing.
 *
 * @throws CodexCommandsError `invalid_params`.
 */
export function parseParams(paramsJSON: string | null | undefined): object {
  if (paramsJSON == null || paramsJSON.trim() === "") return {};
  let params: unknown;
  try {
    params = JSON.parse(paramsJSON);
  } catch (cause) {
    throw new CodexCommandsError("invalid_params", `The parameters are not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (typeof params === "object" && params !== null && !Array.isArray(params)) return params;
  throw new CodexCommandsError("invalid_params", "The parameters must be a JSON object.");
}

function check<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `"${path.join(".")}" ${message}`);
  throw new CodexCommandsError("invalid_params", `${problems.join("; ")}.`, { cause: result.error });
}
