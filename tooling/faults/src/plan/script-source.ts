import type { PlannedCall } from "./plan.ts";
import type { PlannedScript } from "./planned-script.ts";

/** A call from inside a script. codex chooses its id, so its name is in its arguments and its result. */
export interface NamedCall extends PlannedCall {
  readonly name: string;
  /** The shell's command. */
  readonly command: string;
}

/** Returns the result of a call, as the host's tool and the shell write it. */
export const resultOf = (name: string): string => `out ${name}`;

/** Returns the text as a script that changes results passes it on. */
export const changed = (text: string): string => [...text].reverse().join("");

/** What a script does with a result, and with its text. */
const HANDLERS: Readonly<Record<PlannedScript["handling"], (result: string, text: string) => string>> = {
  raw: (_result, text) => `text(${text});`,
  framed: (_result, text) => `text("before " + ${text} + " after");`,
  json: (result) => `text(JSON.stringify(${result}));`,
  notified: (_result, text) => `notify("note " + ${text}); text(${text});`,
  changed: (_result, text) => `text([...${text}.trim()].reverse().join(""));`,
};

/** Returns a script of code mode that makes calls and passes on their results. */
export function scriptSource({ handling, isParallel }: PlannedScript, calls: readonly NamedCall[]): string {
  const made = calls.map(makeCall);
  const bind = isParallel
    ? [`const results = await Promise.all([${made.join(", ")}]);`]
    : ["const results = [];", ...made.map((call) => `results.push(await ${call});`)];
  const passOn = calls.map(({ tool }, index) => {
    const result = `results[${index}]`;
    return HANDLERS[handling](result, tool === "lookup" ? `${result}.content[0].text` : `${result}.output`);
  });
  // The namespace of the host's tools has the agent's id, so the tool is found by its own name.
  const find = 'const lookup = tools[ALL_TOOLS.find(({ name }) => name.endsWith("__lookup")).name];';
  return [...(calls.some(({ tool }) => tool === "lookup") ? [find] : []), ...bind, ...passOn].join("\n");
}

const makeCall = ({ tool, name, ms, command }: NamedCall) =>
  tool === "lookup"
    ? `lookup(${JSON.stringify({ call: name, ms })})`
    : `tools.exec_command(${JSON.stringify({ cmd: command, yield_time_ms: 10_000 })})`;
