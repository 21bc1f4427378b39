import { parseArgs } from "node:util";
import { codex147, codex150, oldestCodex } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { describePlan } from "./plan/describe-plan.ts";
import { TRANSPORTS } from "./plan/fault.ts";
import { planRun } from "./plan/plan.ts";
import { MODES } from "./plan/planned-script.ts";
import { runFaults } from "./run.ts";

const USAGE =
  "pnpm run faults -- --seed N --codex VERSION --transport exec|app-server [--mode direct|code] [--turns N] [--minutes M] [--lanes N] [--round N] [--long] [--plan]";

const { values } = parseArgs({
  // pnpm passes on the `--`.
  args: process.argv.slice(2).filter((arg) => arg !== "--"),
  options: {
    seed: { type: "string" },
    codex: { type: "string" },
    transport: { type: "string" },
    mode: { type: "string", default: "direct" },
    turns: { type: "string", default: "100" },
    minutes: { type: "string", default: "60" },
    lanes: { type: "string", default: "2" },
    round: { type: "string" },
    long: { type: "boolean", default: false },
    plan: { type: "boolean", default: false },
  },
});

const codexes = [oldestCodex, codex147, codex150, newestCodex];
const codex = codexes.find(({ version }) => version === values.codex);
const transport = TRANSPORTS.find((name) => name === values.transport);
const mode = MODES.find((name) => name === values.mode);
const [seed, turns, minutes, lanes] = [values.seed, values.turns, values.minutes, values.lanes].map(Number);
const isKnown = codex !== undefined && transport !== undefined && mode !== undefined;
if (!isKnown || !isCount(seed) || !isCount(turns) || !isCount(lanes)) {
  const versions = codexes.map(({ version }) => version).join(", ");
  process.stderr.write(`Usage: ${USAGE}\nThe installed versions of codex are ${versions}.\n`);
  process.exit(2);
}
// Older ones do not record a script's commands by both transports, or do not pass the host the id of a call.
if (mode === "code" && codex !== newestCodex) {
  process.stderr.write(`Code mode runs only on codex ${newestCodex.version}: choose that with --codex.\n`);
  process.exit(2);
}

const run = { seed, transport, turns, mode, isLong: values.long };
const onlyRound = values.round === undefined ? undefined : Number(values.round);
const rounds = [...planRun(run)].filter(({ number }) => onlyRound === undefined || onlyRound === number);
if (rounds.length === 0) {
  process.stderr.write(`There is no round ${values.round} in ${turns} turns: choose another, or more --turns.\n`);
  process.exit(2);
}
for (const round of rounds) for (const line of describePlan(round)) console.log(line);
if (!values.plan) {
  // When the user stops a run, it ends as when its time is over: it removes what it created.
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  const outcome = await runFaults({
    ...run,
    codex,
    onlyRound,
    signal: stop.signal,
    lanes,
    minutes: minutes ?? 60,
    onRound: (number, count) => console.log(`round ${number}: ${count} turns done`),
    onLine: console.log,
  });
  console.log(JSON.stringify({ seed, codex: codex.version, transport, mode, ...outcome.figures }));
  process.exitCode = outcome.violations.length > 0 ? 1 : 0;
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}
