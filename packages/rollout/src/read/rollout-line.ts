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

/** A thread's first line: which thread it is, and what history it continues. */
export type SessionMeta = z.infer<Payloads["session_meta"]>;
/** The settings of a turn. */
export type TurnContext = z.infer<Payloads["turn_context"]>;
/** Something that the model was sent or said: a message, a call, an output. The model sees it again when the thread is resumed. */
export type ResponseItem = z.infer<Payloads["response_item"]>;
/** An event that codex emitted for its own display, including `token_count`. */
export type EventMessage = z.infer<Payloads["event_msg"]>;
/** A compaction: the history up to here was summarized, and this line has what replaced it. */
export type Compacted = z.infer<Payloads["compacted"]>;
/** Token counts of a turn and of the thread. Codex 0.153 and later. */
export type TokenUsageRecord = z.infer<Payloads["token_usage_record"]>;

/** A line of a kind that this package knows. Unknown keys are kept. */
export type KnownRolloutLine =
  | { readonly type: "session_meta"; readonly payload: SessionMeta }
  | { readonly type: "turn_context"; readonly payload: TurnContext }
  | { readonly type: "response_item"; readonly payload: ResponseItem }
  | { readonly type: "event_msg"; readonly payload: EventMessage }
  | { readonly type: "compacted"; readonly payload: Compacted }
  | { readonly type: "token_usage_record"; readonly payload: TokenUsageRecord };

/** A line of another kind, or one whose payload is not as expected. Its payload is kept as it was parsed. */
export interface OtherRolloutLine {
  readonly type: "other";
  /** The type in the line. */
  readonly originalType: string;
  readonly payload: unknown;
}

export type RolloutLine = (KnownRolloutLine | OtherRolloutLine) & {
  /** Unchanged from the line: RFC 3339, UTC. */
  readonly timestamp: string | undefined;
  /** Codex 0.148 and later, unless an older version started the thread. */
  readonly ordinal: number | undefined;
};

/** Types a parsed line. Returns undefined if it is not an object with a `type`. */
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
