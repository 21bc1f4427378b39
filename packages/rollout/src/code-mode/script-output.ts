import type { PlannedLine, Span } from "@plexum/jsonl-edit";
import { outputOfItem, outputTexts } from "../calls/output-texts.ts";
import { type ResultText, replacePassedOn } from "./replace-passed-on.ts";
import type { Script } from "./script-turn.ts";

/** Returns a line with the replacements planned for it so far. Reads it from the file if the plan does not have it. */
export type LineAt = (place: { readonly offset: number; readonly length: number }) => Promise<PlannedLine>;

type Place = Script["outputs"][number];

/** How codex begins the output of every script (0.144 to 0.169). Notifications do not begin like this. */
const SCRIPT_OUTPUT = /^Script (completed|failed|running|terminated)/;
/** How it begins if the script is still running. The rest of the output goes to a later `wait`, if there is one. */
const STILL_RUNNING = "Script running with cell ID";

/** One output of a script: its own, or a notification. Changes are collected in `line`, and made when the plan is carried out. */
export class ScriptOutput {
  readonly place: Place;
  readonly line: PlannedLine;
  /** The output's texts with the changes so far. */
  readonly #texts: { readonly span: Span; text: string; readonly isWhole: boolean }[];

  constructor(place: Place, line: PlannedLine) {
    this.place = place;
    this.line = line;
    this.#texts = outputTexts(line).map((text) => ({ ...text }));
  }

  /** Reads all outputs of a script. */
  static async allOf(script: Script, lineAt: LineAt): Promise<ScriptOutput[]> {
    const outputs: ScriptOutput[] = [];
    for (const place of script.outputs) outputs.push(new ScriptOutput(place, await lineAt(place)));
    return outputs;
  }

  /** True if the script was still running when it wrote this. */
  get isStillRunning(): boolean {
    return this.#texts.some(({ text }) => text.startsWith(STILL_RUNNING));
  }

  /** True if nothing is left of the script's own output, since the outer call itself was edited, now or before. */
  get wasReplaced(): boolean {
    const [text, ...more] = this.#texts;
    const isOneText = text?.isWhole === true && more.length === 0;
    return !this.place.isNotification && isOneText && !SCRIPT_OUTPUT.test(text.text);
  }

  /** Replaces a call's results wherever the script passed them on. Returns false if none was found. */
  replaceResults(results: readonly ResultText[], replacement: string, callId: string): boolean {
    const { line } = this;
    let isFound = false;
    for (const one of this.#texts) {
      const replaced = replacePassedOn(one.text, results, replacement);
      if (replaced === undefined) continue;
      isFound = true;
      one.text = replaced;
      const earlier = line.replacements.find(({ span }) => span.start === one.span.start);
      line.replacements = line.replacements.filter((other) => other !== earlier);
      const ids = [...(earlier?.ids ?? []), callId];
      line.replacements.push({ span: one.span, value: JSON.stringify(replaced), ids });
    }
    return isFound;
  }

  /** Replaces the output with one text, as an edit of these calls. Returns false if the line has no output. */
  replaceWhole(replacement: string | undefined, callIds: readonly string[]): boolean {
    const { line } = this;
    const span = outputOfItem(line.bytes);
    if (span === undefined) return false;
    const inside = line.replacements.filter((one) => one.span.start >= span.start && one.span.end <= span.end);
    const ids = [...callIds, ...inside.flatMap((one) => one.ids)];
    line.replacements = line.replacements.filter((one) => !inside.includes(one));
    line.replacements.push({ span, value: JSON.stringify(replacement), ids });
    return true;
  }
}
