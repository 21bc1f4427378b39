import type { StreamRecord } from "../host/host-record.ts";
import { isNested, nameIn } from "../host/rollout-snapshot.ts";
import type { Violation } from "./violation.ts";

/** Checks one stream's events, as received, against the protocol's rules. */
export function checkStream({ streamId, events, end }: StreamRecord): Violation[] {
  const found: Violation[] = [];
  const report = (what: string) => found.push({ invariant: "stream", what: `stream ${streamId}: ${what}` });
  const types = events.map(({ event }) => event.type);
  for (const [index, { seq }] of events.entries()) {
    if (seq === index) continue;
    report(`event ${seq} arrived instead of event ${index}`);
    break;
  }
  if (events.length > 0 && types[0] !== "message_start") report(`begins with ${types[0]}`);
  const starts = types.filter((type) => type === "message_start").length;
  if (starts > 1) report(`has ${starts} message_start`);
  const ends = types.filter((type) => type === "message_end").length;
  if (ends > 1) report(`has ${ends} message_end`);
  if (ends > 0 && types.at(-1) !== "message_end") report(`continues after message_end with ${types.at(-1)}`);
  if (end === undefined) report("is not over");
  if (end === "answered" && ends === 0) report("was answered without a message_end");
  if (end === "refused" && events.length > 0) report(`was refused after ${types.join(", ")}`);
  checkPairs();
  return found;

  /** Each call is started, given its arguments and ended once, and has at most one result: exactly one in a whole stream. */
  function checkPairs(): void {
    const seen = new Map<string, string[]>();
    for (const { event } of events) {
      const id = callIdIn(event);
      if (id !== undefined) seen.set(id, [...(seen.get(id) ?? []), event.type]);
    }
    const whole = "tool_call_start tool_call_delta tool_call_end tool_result";
    for (const [id, types] of seen) {
      const order = types.join(" ");
      const isFine = ends > 0 ? order === whole : whole.startsWith(order);
      if (!isFine) report(`call ${id} has the events ${order}`);
    }
  }
}

type RecordedEvent = StreamRecord["events"][number]["event"];

function callIdIn(event: RecordedEvent): string | undefined {
  switch (event.type) {
    case "tool_call_start":
    case "tool_call_delta":
    case "tool_call_end":
      return event.tool_call.id;
    case "tool_result":
      return event.tool_result.tool_call_id;
    default:
      return undefined;
  }
}

/** Returns the ids of the calls in a stream. */
export const callIdsOf = (stream: StreamRecord): string[] =>
  stream.events.flatMap(({ event }) => (event.type === "tool_call_start" ? [event.tool_call.id] : []));

/** Returns the ids of the calls whose results are in a stream. */
export const resultIdsOf = (stream: StreamRecord): string[] =>
  stream.events.flatMap(({ event }) => (event.type === "tool_result" ? [event.tool_result.tool_call_id] : []));

/** Returns the id and the name of each call from inside a script in a stream. */
export const nestedNamesOf = (stream: StreamRecord): [id: string, name: string][] =>
  stream.events.flatMap(({ event }) => {
    if (event.type !== "tool_call_delta" || !isNested(event.tool_call.id)) return [];
    return [[event.tool_call.id, nameIn(event.tool_call.arguments ?? "") ?? event.tool_call.id]];
  });
