const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const NAME = new RegExp(
  `^rollout-(\\d{4})-(\\d{2})-(\\d{2})T\\d{2}-\\d{2}-\\d{2}-(${UUID})(?:_(${UUID}))?\\.jsonl(\\.zst)?$`,
);
const WHOLE_UUID = new RegExp(`^${UUID}$`);

/** The parts of a rollout file's name. */
export interface RolloutName {
  readonly threadId: string;
  /** Identifies the file among those of its thread. It is the thread id for the first file, and a new id after a revert. */
  readonly rolloutId: string;
  /** `YYYY/MM/DD`: the directory under `sessions` in which codex created the file. */
  readonly day: string;
  readonly compressed: boolean;
}

/** Parses the name of a rollout file. Returns undefined for a name that codex does not give to rollouts. */
export function parseRolloutName(name: string): RolloutName | undefined {
  const match = NAME.exec(name);
  const threadId = match?.[4];
  if (match === null || threadId === undefined) return undefined;
  return {
    threadId,
    rolloutId: match[5] ?? threadId,
    day: `${match[1]}/${match[2]}/${match[3]}`,
    compressed: match[6] !== undefined,
  };
}

export const isLowercaseUuid = (text: string): boolean => WHOLE_UUID.test(text);

/** Returns when a UUIDv7 was created, in milliseconds since 1970. Returns undefined for any other version. */
export function uuidTime(id: string): number | undefined {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
