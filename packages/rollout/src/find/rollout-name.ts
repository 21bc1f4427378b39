const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const NAME = new RegExp(
  `^rollout-(\\d{4})-(\\d{2})-(\\d{2})T\\d{2}-\\d{2}-\\d{2}-(${UUID})(?:_(${UUID}))?\\.jsonl(\\.zst)?$`,
);
const WHOLE_UUID = new RegExp(`^${UUID}$`);

/** What a rollout file's name says. */
export interface RolloutName {
  readonly threadId: string;
  /** Names the file among those of its thread: the thread id for the first, an id of its own after a revert. */
  readonly rolloutId: string;
  /** `YYYY/MM/DD`: the directory under `sessions` in which codex put it. */
  readonly day: string;
  readonly compressed: boolean;
}

/** Reads the name of a file as codex gives it to a rollout. Undefined for any other name. */
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

/** When a UUIDv7 was made, in milliseconds since 1970; undefined for any other version. */
export function uuidTime(id: string): number | undefined {
  return id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : undefined;
}
