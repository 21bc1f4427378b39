import type { CallEdit } from "./call-edit.ts";
import { topLevel } from "./edit-line.ts";
import { elementsOf, lastMember, membersOf, type Span, stringAt } from "./json-scan.ts";
import type { SkippedEdit, SkipReason } from "./mutation-report.ts";
import { type NestedRecord, readNestedRecord } from "./nested-record.ts";
import { type ResultText, replacePassedOn } from "./passed-on.ts";
import type { PlannedLine } from "./replacement.ts";
import type { Script, ScriptTurn } from "./script-turn.ts";

/** A call from inside a script that is to be edited, with the line that codex recorded it in. */
export interface NestedCall {
  readonly edit: CallEdit;
  readonly recordLine: PlannedLine;
}

export interface NestedOutcome {
  readonly touched: string[];
  readonly skipped: SkippedEdit[];
}

/** Gives the line that stands at a place of the file, the same object each time. */
export type LineAt = (place: { readonly offset: number; readonly length: number }) => Promise<PlannedLine>;

interface Pending extends NestedCall {
  readonly record: NestedRecord;
  readonly script: Script | undefined;
}

/** What a result shorter than this says may stand in another script's output by chance. */
const MIN_LENGTH_ELSEWHERE = 24;

/** Plans the edits of calls that one turn's scripts made. Lines that direct edits have planned already keep those. */
export async function planNestedCalls(
  turn: ScriptTurn,
  calls: readonly NestedCall[],
  links: ReadonlyMap<string, string>,
  lineAt: LineAt,
): Promise<NestedOutcome> {
  const outcome: NestedOutcome = { touched: [], skipped: [] };
  const skip = (callId: string, reason: SkipReason, message: string) =>
    outcome.skipped.push({ callId, reason, message });
  const notFound: Pending[] = [];
  for (const call of calls) {
    const { edit, recordLine } = call;
    const { callId, output } = edit;
    const record = readNestedRecord(recordLine.bytes);
    if (record === undefined || output === undefined) {
      skip(callId, "arguments-in-script", "its arguments stand in the script of the outer call: edit that call");
      continue;
    }
    const scripts = scriptsAround(turn, recordLine.offset, links.get(callId));
    const pending: Pending = { ...call, record, script: scripts.length === 1 ? scripts[0] : undefined };
    // An empty note had no room for the text.
    if (record.state === "edited" && (record.to === output || record.to === "")) outcome.touched.push(callId);
    else if (record.state === "edited" && record.to !== null && !(await isOnlyOneWith(turn, record.to, lineAt)))
      skip(callId, "already-edited", "another call of the turn has the same text in place of its result");
    else if (record.state === "edited" && record.to === null) notFound.push(pending);
    else if (await replaceInOutputs(turn, scripts, pending, output, lineAt)) {
      note(pending, output);
      outcome.touched.push(callId);
    } else notFound.push(pending);
  }
  for (const [script, group] of Map.groupBy(notFound, (pending) => pending.script)) {
    const goesWhole = script !== undefined && (await isAllEdited(turn, script, links, calls, lineAt));
    if (goesWhole) await replaceWhole(script, group, lineAt);
    for (const pending of group) {
      const { callId, output } = pending.edit;
      note(pending, goesWhole ? (output ?? null) : null);
      if (goesWhole) outcome.touched.push(callId);
      else
        skip(
          callId,
          "changed-by-script",
          script === undefined
            ? "its result is not found in the output of any script that ran then; name its script by nestedCalls, or edit the outer call"
            : `its result is not found in the output of ${script.callId}; that goes as a whole once all calls of the script have been edited`,
        );
    }
  }
  return outcome;
}

/** The scripts that may have made a call: those that were running when codex recorded it, or the one that a link names. */
function scriptsAround(turn: ScriptTurn, at: number, itemId: string | undefined): Script[] {
  const linked = turn.scripts.filter((script) => itemId !== undefined && script.itemId === itemId);
  return linked.length > 0 ? linked : turn.scripts.filter((script) => script.offset < at && at < endOf(script));
}

const endOf = (script: Script) =>
  script.outputs.find((output) => !output.isNotification)?.offset ?? Number.POSITIVE_INFINITY;

/** A script that runs on in the background gives the rest of its output to a later `wait`, or to none. */
const runsOn = (text: string) => text.startsWith("Script running with cell ID");

async function replaceInOutputs(
  turn: ScriptTurn,
  scripts: readonly Script[],
  { edit, record, recordLine }: Pending,
  output: string,
  lineAt: LineAt,
): Promise<boolean> {
  const results: ResultText[] =
    record.state === "intact" ? record.results : record.to === null ? [] : [{ text: record.to, isJson: false }];
  // What was kept by `store()`, or came after a script was left to run on, is passed on by another script.
  const long = record.state === "intact" ? results.filter(({ text }) => text.length >= MIN_LENGTH_ELSEWHERE) : [];
  let found = false;
  for (const script of turn.scripts) {
    const isOwn = scripts.includes(script);
    for (const place of script.outputs) {
      if (!isOwn && place.offset < recordLine.offset) continue;
      const line = await lineAt(place);
      for (const { span, text } of textsOf(line)) {
        const replaced = replacePassedOn(text, isOwn ? results : long, output);
        if (replaced === undefined) continue;
        found = true;
        replaceText(line, span, replaced, edit.callId);
      }
      if (isOwn && !place.isNotification) found ||= wasReplacedWhole(line);
    }
  }
  return found;
}

/** True if nothing of a script's own output is left: the outer call itself was edited, now or before. */
function wasReplacedWhole(line: PlannedLine): boolean {
  const texts = textsOf(line);
  return (
    texts.length === 1 &&
    texts[0]?.isWhole === true &&
    !/^Script (completed|failed|running|terminated)/.test(texts[0].text)
  );
}

async function isOnlyOneWith(turn: ScriptTurn, to: string, lineAt: LineAt): Promise<boolean> {
  let count = 0;
  for (const place of turn.nested) {
    const record = readNestedRecord((await lineAt(place)).bytes);
    if (record?.state === "edited" && record.to === to) count++;
  }
  return count === 1;
}

async function isAllEdited(
  turn: ScriptTurn,
  script: Script,
  links: ReadonlyMap<string, string>,
  calls: readonly NestedCall[],
  lineAt: LineAt,
): Promise<boolean> {
  if (script.isWait || endOf(script) === Number.POSITIVE_INFINITY) return false;
  for (const place of script.outputs) if (textsOf(await lineAt(place)).some(({ text }) => runsOn(text))) return false;
  for (const place of turn.nested) {
    const linked = links.get(place.callId);
    const isIts =
      linked === undefined ? script.offset < place.offset && place.offset < endOf(script) : linked === script.itemId;
    if (!isIts || calls.some(({ edit }) => edit.callId === place.callId && edit.output !== undefined)) continue;
    if (readNestedRecord((await lineAt(place)).bytes)?.state !== "edited") return false;
  }
  return true;
}

async function replaceWhole(script: Script, group: readonly Pending[], lineAt: LineAt): Promise<void> {
  const callIds = group.map(({ edit }) => edit.callId);
  const value = JSON.stringify(group.at(-1)?.edit.output);
  for (const place of script.outputs) {
    const line = await lineAt(place);
    const payload = lastMember(topLevel(line.bytes), "payload");
    const output = payload && lastMember(membersOf(line.bytes, payload), "output");
    if (output === undefined) continue;
    const earlier = line.replacements.filter(({ span }) => span.start >= output.start && span.end <= output.end);
    // A direct edit of the outer call stays.
    if (earlier.some(({ span }) => span.start === output.start)) continue;
    line.replacements = line.replacements.filter((replacement) => !earlier.includes(replacement));
    line.replacements.push({ span: output, value, callIds: [...callIds, ...earlier.flatMap((one) => one.callIds)] });
  }
}

function note({ record, recordLine, edit }: Pending, to: string | null): void {
  if (record.state === "edited" && record.to === to) return;
  const made = record.note(to) ?? (to === null ? undefined : record.note(""));
  if (made !== undefined) recordLine.replacements.push({ ...made, callIds: [edit.callId] });
}

interface OutputText {
  readonly span: Span;
  readonly text: string;
  /** The output is this one string. */
  readonly isWhole: boolean;
}

/** The texts of an output line as they stand with what is planned so far. */
function textsOf(line: PlannedLine): OutputText[] {
  const { bytes } = line;
  const payload = lastMember(topLevel(bytes), "payload");
  const output = payload && lastMember(membersOf(bytes, payload), "output");
  if (output === undefined) return [];
  const current = (span: Span) => {
    const planned = line.replacements.find((replacement) => replacement.span.start === span.start);
    return planned === undefined ? stringAt(bytes, span) : (JSON.parse(planned.value) as string);
  };
  const whole = current(output);
  if (whole !== undefined) return [{ span: output, text: whole, isWhole: true }];
  return elementsOf(bytes, output).flatMap((element) => {
    const span = lastMember(membersOf(bytes, element), "text");
    const text = span && current(span);
    return span === undefined || text === undefined ? [] : [{ span, text, isWhole: false }];
  });
}

function replaceText(line: PlannedLine, span: Span, text: string, callId: string): void {
  const earlier = line.replacements.find((replacement) => replacement.span.start === span.start);
  line.replacements = line.replacements.filter((replacement) => replacement !== earlier);
  line.replacements.push({ span, value: JSON.stringify(text), callIds: [...(earlier?.callIds ?? []), callId] });
}
