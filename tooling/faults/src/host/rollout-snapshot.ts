/** The content of a rollout, read without the packages under test. */
export interface RolloutSnapshot {
  /** Without its newline. */
  readonly lines: readonly string[];
  /** The bytes after the last newline. */
  readonly rest: string;
  /** Parsed; undefined for a line that is not a JSON object. */
  readonly records: readonly (RolloutRecord | undefined)[];
}

interface RolloutRecord {
  readonly type?: unknown;
  readonly ordinal?: unknown;
  readonly payload?: { readonly type?: unknown; readonly call_id?: unknown; readonly [key: string]: unknown };
}

export function snapshotOf(bytes: Buffer): RolloutSnapshot {
  const parts = bytes.toString("utf8").split("\n");
  const rest = parts.pop() ?? "";
  return { lines: parts, rest, records: parts.map(recordOf) };
}

function recordOf(line: string): RolloutRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const CALLS = new Set<unknown>(["function_call", "custom_tool_call"]);
const OUTPUTS = new Set<unknown>(["function_call_output", "custom_tool_call_output"]);

/** Returns the call id of each recorded call, in order. */
export const recordedCalls = (snapshot: RolloutSnapshot): string[] => [
  ...idsIn(snapshot, CALLS),
  ...nestedRecords(snapshot).map(({ id }) => id),
];

/** Returns the call id of each recorded output. */
export const recordedOutputs = (snapshot: RolloutSnapshot): string[] => [
  ...idsIn(snapshot, OUTPUTS),
  ...nestedRecords(snapshot).map(({ id }) => id),
];

/** Returns the id of each call from inside a script, with its name. codex records it with its result, in one line (0.169.0). */
export const nestedRecords = ({ records }: RolloutSnapshot): { id: string; name: string | undefined }[] =>
  records.flatMap((record) => {
    const item = record?.type === "event_msg" && record.payload?.type === "item_completed" ? record.payload.item : {};
    const { id } = (item ?? {}) as { id?: unknown };
    return typeof id === "string" && isNested(id) ? [{ id, name: nameIn(JSON.stringify(item)) }] : [];
  });

/** Returns whether an id is that of a call from inside a script. */
export const isNested = (id: string): boolean => id.startsWith("exec-");

/** Returns the name of a call from inside a script. The plan puts it in the call's arguments. */
export const nameIn = (text: string): string | undefined => /call_\d+-[0-9a-f]{8}-\d+-\d+/.exec(text)?.[0];

/** Returns the call to which an output belongs; undefined for another record. */
export const outputIdOf = (record: RolloutRecord | undefined): string | undefined =>
  record?.type === "response_item" && OUTPUTS.has(record.payload?.type) ? String(record.payload?.call_id) : undefined;

const idsIn = ({ records }: RolloutSnapshot, types: ReadonlySet<unknown>): string[] =>
  records.flatMap((record) => {
    if (record?.type !== "response_item" || !types.has(record.payload?.type)) return [];
    return [String(record.payload?.call_id)];
  });
