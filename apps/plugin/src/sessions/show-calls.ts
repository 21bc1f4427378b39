import type { ThreadCall } from "@plexum/rollout";
import { number } from "./numbers.ts";
import { printTable } from "./table.ts";

export const SORTS = ["turn", "tokens", "tool"] as const;

export type Sort = (typeof SORTS)[number];

/** How many characters of an id are shown; more if several ids begin the same way. */
const MIN_ID_LENGTH = 12;

/** Prints a line for each call. */
export function printCalls(calls: readonly ThreadCall[], turnCount: number, sort: Sort): void {
  const sorted = calls.toSorted(ORDERS[sort]);
  const idLength = uniqueLength(calls.map(({ callId }) => callId));
  const states = sorted.map(stateOf);
  const hasStates = states.some((state) => state !== "");
  printTable(
    ["turn", "ago", "tokens", "call", "tool", ...(hasStates ? ["state"] : []), "arguments"],
    sorted.map((call, row) => [
      call.turn === 0 ? "-" : String(call.turn),
      call.turn === 0 || call.state === "rolled-back" ? "-" : String(turnCount - call.turn),
      // The part of its output that a script passed on is part of the script's own output.
      call.kind === "nested" ? "-" : number(call.tokens),
      call.callId.slice(0, idLength),
      call.name,
      ...(hasStates ? [states[row] ?? ""] : []),
      inShort(call.argumentsExcerpt),
    ]),
    {
      right: [0, 1, 2],
      cuttable: hasStates ? [6, 4] : [5, 4],
      style: (row) => (states[row] === "" ? undefined : "dim"),
    },
  );
}

/** Matches the value that describes a call, if its arguments begin with one. */
const TELLING = /^\{\s*"(?:cmd|command|input|path|script)"\s*:\s*"((?:[^"\\]|\\.)*)/;

function inShort(excerpt: string): string {
  const [, value] = TELLING.exec(excerpt) ?? [];
  if (value === undefined) return excerpt;
  try {
    // An excerpt may end within an escape.
    return JSON.parse(`"${value.replace(/\\u[0-9a-f]{0,3}$/i, "")}"`);
  } catch {
    // The model writes the arguments, and they need not be valid JSON.
    return value;
  }
}

const ORDERS: Record<Sort, (a: ThreadCall, b: ThreadCall) => number> = {
  turn: () => 0,
  tokens: (a, b) => b.tokens - a.tokens,
  tool: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0),
};

function stateOf({ state, isConsumed, isInherited, kind }: ThreadCall): string {
  if (state !== "in-context") return state;
  if (isConsumed) return "consumed";
  if (isInherited) return "inherited";
  return kind === "nested" ? "in script" : "";
}

/** Returns how many first characters distinguish each id from all others. */
function uniqueLength(ids: readonly string[]): number {
  const sorted = [...new Set(ids)].sort();
  let length = MIN_ID_LENGTH;
  for (const [index, id] of sorted.entries()) {
    const next = sorted[index + 1] ?? "";
    while (length < id.length && next.startsWith(id.slice(0, length))) length++;
  }
  return length;
}
