import type { ModelRequest } from "@plexum/scripted-model";
import type { Consumption, KnownScript, WorkspaceState } from "../host/workspace-state.ts";
import { changed, resultOf } from "../plan/script-source.ts";
import { MARKERS } from "./check-request.ts";
import type { Violation } from "./violation.ts";

type Thread = Pick<WorkspaceState, "answered" | "consumed" | "scripts">;

/**
 * Checks in code mode that a request has each script's outputs as the model was first shown them, with the markers in place of what was
 * consumed. Records the outputs that are new.
 */
export function checkScripts(request: ModelRequest, { answered, consumed, scripts }: Thread): Violation[] {
  const found: Violation[] = [];
  for (const [id, script] of scripts) {
    const outputs = request.outputsOf(id).map(textOf);
    if (outputs.length === 0) {
      if (answered.includes(id))
        found.push({ invariant: "thread", what: `the model is shown no output of script ${id}` });
      continue;
    }
    script.shown ??= outputs;
    const call = request.input.find((item) => item.call_id === id && !("output" in item));
    const own = consumed.get(id);
    const expected = expectedOutputs(script, own, consumed, outputs);
    if (!expected.some((one) => JSON.stringify(one) === JSON.stringify(outputs))) {
      const wanted = expected.map(excerpt).join(" or ");
      found.push({
        invariant: "marker",
        what: `the model is shown ${excerpt(outputs)} of script ${id}, not ${wanted}`,
      });
    }
    // If a mutation of the script was interrupted, the markers may be those of its calls.
    const isOwnMarker = own?.isCertain || ![...script.nested.keys()].some((nestedId) => consumed.has(nestedId));
    const isMarked = own !== undefined && outputs.every((text) => text === MARKERS[own.op]);
    if (own?.op === "consume-heavy" && isMarked && isOwnMarker && call?.input !== "{}")
      found.push({ invariant: "marker", what: `script ${id} has the source ${excerpt(call?.input)} after ${own.op}` });
  }
  return found;
}

/** Returns what the model may be shown: several possibilities if a mutation was interrupted. */
function expectedOutputs(
  script: KnownScript,
  own: Consumption | undefined,
  consumed: ReadonlyMap<string, Consumption>,
  outputs: readonly string[],
): string[][] {
  const { shown = [], nested } = script;
  const whole = (op: Consumption["op"]): string[] => shown.map(() => MARKERS[op]);
  if (own?.isCertain) return [whole(own.op)];
  const expected = own === undefined ? [] : [whole(own.op)];
  const done = [...nested].flatMap(([id, name]) => {
    const consumption = consumed.get(id);
    return consumption === undefined ? [] : [{ name, ...consumption }];
  });
  // A result that the script did not pass on as it was: once each of its calls is to be consumed, its whole output is replaced.
  const hidden = done.filter(({ name }) => !isPassedOn(script, name));
  expected.push(...hidden.map(({ op }) => whole(op)));
  if (hidden.some(({ isCertain }) => isCertain)) return expected;
  const isShown = (name: string) => outputs.some((text) => text.includes(resultOf(name)));
  const replaced = done.filter(({ name, isCertain }) => isCertain || !isShown(name));
  return [...expected, shown.map((text) => replaced.reduce((now, { name, op }) => consume(now, name, op), text))];
}

/** Replaces a call's result in a script's output, with the newline that the shell adds, raw or escaped. */
const consume = (text: string, name: string, op: Consumption["op"]) =>
  text.replace(new RegExp(`${resultOf(name)}(\n|\\\\n)?`, "g"), MARKERS[op]);

/** Returns whether an output has a call's result unchanged. */
export const isPassedOn = ({ shown = [] }: KnownScript, name: string): boolean =>
  shown.some((text) => text.includes(resultOf(name)));

/** Returns whether the script had not ended when codex showed its output. */
export const isStillRunning = ({ shown = [] }: KnownScript): boolean =>
  shown.some((text) => text.startsWith("Script running"));

/** Returns the names of the calls whose results an output has. */
export const namesShown = ({ calls, shown = [] }: KnownScript): string[] =>
  calls.filter((name) =>
    shown.some((text) => [resultOf(name), changed(resultOf(name))].some((one) => text.includes(one))),
  );

/** Returns an output as one text: codex sends a string or a list of texts. */
const textOf = (output: unknown): string =>
  Array.isArray(output)
    ? output.map(({ text }) => (typeof text === "string" ? text : "")).join("\u0000")
    : String(output);

const excerpt = (value: unknown) => JSON.stringify(value)?.slice(0, 400);
