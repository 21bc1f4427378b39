import { z } from "zod";

const text = z.string().nullish();

const tokenTotals = z.looseObject({
  input_tokens: z.number().default(0),
  cached_input_tokens: z.number().default(0),
  output_tokens: z.number().default(0),
  reasoning_output_tokens: z.number().default(0),
  total_tokens: z.number().optional(),
});

/** Token counts as codex writes them. */
export type TokenTotals = z.infer<typeof tokenTotals>;

const payloads = {
  session_meta: z.looseObject({
    id: z.string(),
    cwd: text,
    cli_version: text,
    timestamp: text,
    history_mode: text,
    forked_from_id: text,
    history_base: z
      .looseObject({ thread_id: z.string(), end_ordinal_exclusive: z.number(), end_byte_offset: z.number() })
      .nullish(),
  }),
  turn_context: z.looseObject({ turn_id: text, cwd: text, model: text }),
  response_item: z.looseObject({
    type: z.string(),
    id: text,
    call_id: text,
    name: text,
    namespace: text,
    arguments: z.unknown().optional(),
    input: z.unknown().optional(),
    action: z.unknown().optional(),
    output: z.unknown().optional(),
    tools: z.unknown().optional(),
  }),
  event_msg: z.looseObject({
    type: z.string(),
    turn_id: text,
    call_id: text,
    item: z.looseObject({ type: z.string(), id: text }).nullish(),
  }),
  compacted: z.looseObject({ message: text, replacement_history: z.array(z.unknown()).nullish() }),
  token_usage_record: z.looseObject({
    turn_id: text,
    usage: tokenTotals,
    turn_token_usage: tokenTotals,
    thread_token_usage: tokenTotals,
  }),
};

export const tokenCountInfo = z.looseObject({ total_token_usage: tokenTotals, last_token_usage: tokenTotals });

type Payloads = typeof payloads;

/** A line of a kind that this package knows. Unknown keys are kept. */
export type KnownRolloutLine = {
  [Type in keyof Payloads]: { readonly type: Type; readonly payload: z.infer<Payloads[Type]> };
}[keyof Payloads];

export type ResponseItem = z.infer<Payloads["response_item"]>;
export type EventMessage = z.infer<Payloads["event_msg"]>;
export type SessionMeta = z.infer<Payloads["session_meta"]>;

/** A line of another kind, or one whose payload is not as expected: kept as it was parsed. */
export interface OtherRolloutLine {
  readonly type: "other";
  /** What the line says its type is. */
  readonly originalType: string;
  readonly payload: unknown;
}

export type RolloutLine = (KnownRolloutLine | OtherRolloutLine) & {
  /** As in the line: RFC 3339, UTC. */
  readonly timestamp: string | undefined;
  /** Since codex 0.148, unless the thread began in an older one. */
  readonly ordinal: number | undefined;
};

/** Types a parsed line. Undefined if it is not an object with a `type`. */
export function typeRolloutLine(parsed: unknown): RolloutLine | undefined {
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { type, payload, timestamp, ordinal } = parsed as Record<string, unknown>;
  if (typeof type !== "string") return undefined;
  const common = {
    timestamp: typeof timestamp === "string" ? timestamp : undefined,
    ordinal: typeof ordinal === "number" ? ordinal : undefined,
  };
  const known = Object.hasOwn(payloads, type) ? payloads[type as keyof Payloads].safeParse(payload) : undefined;
  return known?.success
    ? ({ type, payload: known.data, ...common } as RolloutLine)
    : { type: "other", originalType: type, payload, ...common };
}
