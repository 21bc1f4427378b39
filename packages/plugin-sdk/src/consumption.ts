/** What a host consumes of a tool call: its result, or its arguments as well. Known names; see `Mutation`. */
export type ConsumeOp = "consume-light" | "consume-heavy";

/** The text that replaces a consumed result, for the model and in the host's own record. */
export const CONSUMED_TEXTS: Readonly<Record<ConsumeOp, string>> = {
  "consume-light": "...(consumed)",
  "consume-heavy": "...(tool called)",
};

/** Returns false for an operation that this version does not know: report it as skipped. */
export const isConsumeOp = (op: string): op is ConsumeOp => Object.hasOwn(CONSUMED_TEXTS, op);
