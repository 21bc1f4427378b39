import {
  answer,
  functionCall,
  type ModelRequest,
  message,
  type Reply,
  reasoning,
  shell,
  streamedMessage,
  type TokenUsage,
} from "@plexum/scripted-model";

/** The namespace that codex gives the host's tools, from the server's name. */
const HOST_TOOLS = "mcp__plexum_host_devhost";

/** The scripted model of the demo. It answers from what codex really sent it, so that a lost thread would show. */
export function demoModel(request: ModelRequest): Reply {
  const { prompt } = request;
  if (request.continuesTurn) return write(conclusion(request), { input: 1450, cached: 1210, output: 38 });
  if (/measurements/i.test(prompt)) {
    const call = functionCall("read_file", { path: "measurements.txt" }, { namespace: HOST_TOOLS });
    return answer([call], { input: 1500, cached: 1450, output: 21 });
  }
  if (/\bfile|\bread\b|\bnotes\b/i.test(prompt)) {
    const items = [
      reasoning("Looking at the workspace first"),
      message("I'll have a look."),
      shell("ls; cat notes.txt"),
    ];
    return answer(items, { input: 1210, cached: 0, output: 42, reasoning: 12 });
  }
  const asked = request.userTexts.slice(0, -1);
  if (asked.length === 0) return write(`You said: ${prompt}`, { input: 900, output: 12 });
  const list = asked.map((text) => `“${text}”`).join(", then ");
  return write(`Earlier in this thread you asked me: ${list}`, { input: 1530, cached: 1450, output: 24 });
}

/** Writes word by word, like models. */
const write = (text: string, usage: TokenUsage) =>
  answer([streamedMessage(text.split(/(?<=\s)/), { gapMs: 15, phase: "final_answer" })], usage);

function conclusion(request: ModelRequest): string {
  const output = request.input.findLast((item) => "output" in item)?.output;
  const text = typeof output === "string" ? output : JSON.stringify(output);
  const values = [...text.matchAll(/2026-01-\d\d (\d+)/g)].map(([, value]) => Number(value));
  if (values.length > 0) return `The largest of the values that I was shown is ${Math.max(...values)}.`;
  return `Here is what I found:\n${text.split("Output:\n").at(-1)?.trimEnd()}`;
}
