import { constants } from "node:os";
import { parseArgs } from "node:util";
import { withProfile } from "../install/profile-flag.ts";
import { nodeVersion } from "./node-check.ts";
import { findingsJson, findingText, summaryText } from "./report.ts";
import { type Finding, findingOf, runChecks } from "./run-checks.ts";

const USAGE = `usage: plexum-openai-provider doctor [--json] [--fix] [--turn] [--profile DIR]
Diagnose this machine, and say what to do about each problem.

  --fix      repair what can be repaired
  --turn     also run one real turn
  --profile  the Plexum profile, if it is not PLEXUM_PROFILE_ROOT or ~/.plexum
`;

/** Checks everything that a turn needs. Resolves to the exit code: 0; 1 if an error remains; 2 for wrong arguments; 128 plus the number of a signal. */
export async function doctor(argv: readonly string[], processEnv: NodeJS.ProcessEnv = process.env): Promise<number> {
  let flags: ReturnType<typeof parseFlags>;
  let env: NodeJS.ProcessEnv;
  try {
    flags = parseFlags(argv);
    env = withProfile(processEnv, flags.profile);
  } catch (error) {
    await write(process.stderr, `doctor: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (flags.help) {
    await write(process.stdout, USAGE);
    return 0;
  }
  const color = process.stdout.isTTY && process.stdout.hasColors();
  const stop = new AbortController();
  const stopped = stop.signal;
  let exitCode: number | undefined;
  // The first signal stops the checks in order, so that a real turn leaves nothing behind. The second ends the process at once.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => {
      exitCode = 128 + constants.signals[signal];
      stop.abort(new Error(`ended by ${signal}`));
    });
  const seen: Finding[] = [];
  for await (const finding of findings(env, { ...flags, stopped })) {
    seen.push(finding);
    if (!flags.json) await write(process.stdout, findingText(finding, { color }));
  }
  await write(process.stdout, flags.json ? findingsJson(seen) : `\n${summaryText(seen)}`);
  return exitCode ?? (seen.some(({ status }) => status === "error") ? 1 : 0);
}

async function* findings(
  env: NodeJS.ProcessEnv,
  flags: ReturnType<typeof parseFlags> & { readonly stopped: AbortSignal },
): AsyncGenerator<Finding, void, undefined> {
  const node = nodeVersion.run();
  // A Node that is too old can't load the other checks.
  if (node.status !== "ok") return yield findingOf(nodeVersion, node);
  const [{ CHECKS }, { Context }] = await Promise.all([import("./checks.ts"), import("./context.ts")]);
  const wanted = CHECKS.filter(({ isOptional = false }) => !isOptional || flags.turn);
  yield* runChecks(wanted, new Context(env), flags);
}

function parseFlags(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      json: { type: "boolean", default: false },
      fix: { type: "boolean", default: false },
      turn: { type: "boolean", default: false },
      profile: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  return values;
}

/** Resolves once the text is written, since the process ends right afterwards. */
const write = (stream: NodeJS.WriteStream, text: string) =>
  new Promise<void>((resolve) => {
    stream.write(text, () => resolve());
  });
