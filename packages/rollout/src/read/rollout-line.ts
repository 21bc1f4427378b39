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

/** A thread's first line: whose it is, and where its history goes on from. */
export type SessionMeta = z.infer<Payloads["session_meta"]>;
/** With what settings a turn runs. */
export type TurnContext = z.infer<Payloads["turn_context"]>;
/** What the model was sent or said: messages, calls, outputs. This is what it sees again when the thread is resumed. */
export type ResponseItem = z.infer<Payloads["response_item"]>;
/** What codex told of a turn, for its own display; `token_count` among it. */
export type EventMessage = z.infer<Payloads["event_msg"]>;
/** A history that was summed up, with its replacement. */
export type Compacted = z.infer<Payloads["compacted"]>;
/** Tokens, from codex 0.153 on. */
export type TokenUsageRecord = z.infer<Payloads["token_usage_record"]>;

/** A line of a kind that this package knows. Unknown keys are kept. */
export type KnownRolloutLine =
  | { readonly type: "session_meta"; readonly payload: SessionMeta }
  | { readonly type: "turn_context"; readonly payload: TurnContext }
  | { readonly type: "response_item"; readonly payload: ResponseItem }
  | { readonly type: "event_msg"; readonly payload: EventMessage }
  | { readonly type: "compacted"; readonly payload: Compacted }
  | { readonly type: "token_usage_record"; readonly payload: TokenUsageRecord };

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
