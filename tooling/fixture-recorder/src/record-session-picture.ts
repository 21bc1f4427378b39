/**
 * Records what the root README shows of `sessions show`, `consume` and `restore`: a conversation of the real codex with a scripted
 * model, in a temporary folder, and the built plugin on it. `pnpm run session-picture` writes it into the README, with `--print` it only prints it.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, type ModelRequest, type Reply, ScriptedModel, say, shell } from "@plexum/scripted-model";

const README = fileURLToPath(new URL("../../../README.md", import.meta.url));
const PLUGIN = fileURLToPath(new URL("../../../apps/plugin/dist/main.js", import.meta.url));
const START = "<!-- session-picture: written by `pnpm run session-picture` -->";
const END = "<!-- /session-picture -->";
const FLAGS = [
  "exec",
  "--skip-git-repo-check",
  "--dangerously-bypass-approvals-and-sandbox",
  "--json",
  "-c",
  "tool_output_token_limit=60000",
];
/** What codex sends besides: its instructions and tools. */
const OTHER_TOKENS = 8_000;

const run = promisify(execFile);

interface Turn {
  readonly prompt: string;
  readonly replies: readonly Reply[];
}

const TURNS: readonly Turn[] = [
  {
    prompt: "The nightly build fails. Find out why.",
    replies: [
      answer([shell("cat build.log", { callId: "call_q3vXk0LrTzUo8eHc" })]),
      answer([shell("cat packages/api/schema.json", { callId: "call_m81dPzYwA7sNfj2B" })]),
      say("The schema of the API has no field `region`, which the client reads."),
    ],
  },
  {
    prompt: "Add it, and run the tests.",
    replies: [
      answer([shell("grep -n region build.log | head -5", { callId: "call_Wc5KbE9ttGx0iRaV" })]),
      answer([shell("cat test.log", { callId: "call_7hLZuSgn4pQyDw6M" })]),
      say("Added. All 2,060 tests pass."),
    ],
  },
  {
    prompt: "Now look at the deploy script.",
    replies: [answer([shell("cat deploy.sh", { callId: "call_Jf2oXvR8k1TqCe5N" })]), say("It is short and fine.")],
  },
];

const lines = (count: number, line: (number: number) => string) =>
  `${Array.from({ length: count }, (_, index) => line(index + 1)).join("\n")}\n`;

const FILES: Record<string, string> = {
  "build.log": lines(
    5_200,
    (n) => `[${n}] compile packages/api/route-${n}.ts${n % 90 ? "" : " error: no field region"}`,
  ),
  "packages/api/schema.json": lines(2_400, (n) => `{ "field_${n}": { "type": "string", "required": ${n % 2 === 0} } }`),
  "test.log": lines(2_060, (n) => `ok ${n} - api route ${n} answers within its limit`),
  "deploy.sh": lines(12, (n) => `echo step ${n}`),
};

/** Counts as a provider does that caches what a request and the one before have in common. */
class CountedModel {
  #last: readonly string[] = [];

  counted(request: ModelRequest, reply: Reply): Reply {
    if (reply.kind !== "answer") return reply;
    const items = request.input.map((item) => JSON.stringify(item));
    const changed = items.findIndex((item, index) => item !== this.#last[index]);
    const isFirst = this.#last.length === 0;
    const cached = isFirst ? 0 : tokensOf(changed === -1 ? items : items.slice(0, changed));
    this.#last = items;
    return { ...reply, usage: { input: tokensOf(items), cached, output: 60 } };
  }
}

const tokensOf = (items: readonly string[]) => OTHER_TOKENS + Math.ceil(items.join("").length / 4);

const folder = await mkdtemp(join(tmpdir(), "session-picture-"));
try {
  const picture = await record();
  if (process.argv.includes("--print")) console.log(picture);
  else await write(picture);
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function write(picture: string): Promise<void> {
  const readme = await readFile(README, "utf8");
  const [before, rest] = readme.split(START);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`${README} has no place for the picture`);
  await writeFile(README, `${before}${START}\n\n\`\`\`text\n${picture}\n\`\`\`\n\n${END}${after}`);
}

async function record(): Promise<string> {
  await using model = await ScriptedModel.start();
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  for (const [name, content] of Object.entries(FILES)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const counts = new CountedModel();
  let id = "";
  const codex = async ({ prompt, replies }: Turn) => {
    let played = 0;
    model.play((request) => counts.counted(request, replies[played++] ?? say("")));
    const args = [...FLAGS, ...(id === "" ? [] : ["resume", id]), prompt];
    const running = run(newestCodex.path, args, { cwd: folder, env: home.env });
    running.child.stdin?.end();
    const { stdout } = await running;
    id ||= /"thread_id":"([^"]+)"/.exec(stdout)?.[1] ?? "";
  };
  for (const turn of TURNS) await codex(turn);

  const shown: string[] = [];
  const sessions = async (...args: readonly string[]) => {
    const env = { ...home.env, XDG_CACHE_HOME: join(folder, "cache"), COLUMNS: "80", NO_COLOR: "1" };
    const { stdout } = await run(process.execPath, [PLUGIN, "sessions", ...args], { env });
    const named = args.map((arg) => (arg === id ? id.slice(0, 8) : arg)).join(" ");
    shown.push(`$ plexum-openai-provider sessions ${named}\n${stdout.trimEnd()}\n`);
  };
  const old = ["--older-than", "0", "--larger-than", "500"];
  await sessions("show", id);
  await sessions("consume", id, ...old, "--dry-run");
  await sessions("consume", id, ...old, "--yes");
  const next: Turn = { prompt: "What was missing?", replies: [say("The field `region`.")] };
  await codex(next);
  shown.push(`$ codex exec resume ${id.slice(0, 8)} ${JSON.stringify(next.prompt)}`, "The field `region`.");
  shown.push("", "What the model was sent of the calls, in that turn:", ...outputsIn(model.lastRequest), "");
  await sessions("show", id);
  return shown.join("\n").replaceAll("~/sessions", "~/.codex/sessions").trimEnd();
}

function outputsIn({ input }: ModelRequest): string[] {
  return input
    .filter(({ type }) => String(type).endsWith("_output"))
    .map(({ call_id, output }) => {
      const text = String(output);
      return `${call_id}  ${text.length < 50 ? text : `(${text.length} characters)`}`;
    });
}
