// Runs `npm start`, `npm test` and `npm run pnpm` on a machine that has Node 20 or later and npm. It installs everything else:
// pnpm for this run, and, with the dependencies, the Node that the repository itself runs on.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const [job, ...args] = process.argv.slice(2);
let isVerified = false;

if (job === "start") {
  say("Installing what the conversation needs (about 300 MB the first time, including the real codex) …");
  pnpm(
    "install",
    "--frozen-lockfile",
    "--reporter=append-only",
    "--filter=.",
    "--filter=@plexum/devhost...",
    "--filter=!@plexum/codex-versions",
  );
  say("Building the plugin …");
  pnpm("exec", "turbo", "run", "build", "--filter=plexum-openai-provider", "--output-logs=errors-only");
  pnpm("exec", "node", "apps/devhost/src/main.ts", ...args);
} else if (job === "test") {
  say("Installing what the tests need (about 700 MB the first time, including five codex versions) …");
  pnpm("install", "--frozen-lockfile", "--reporter=append-only");
  pnpm("exec", "node", "scripts/test.ts", ...args);
} else if (job === "pnpm") {
  pnpm(...args);
} else {
  throw new Error(`Unknown job ${JSON.stringify(job)}. Use "start", "test" or "pnpm".`);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function pnpm(...command) {
  const npm = process.env.npm_execpath;
  if (npm === undefined) throw new Error("Run this with npm: `npm start` or `npm test`.");
  // Decided by name, not by path: pnpm keeps the Node versions that it installs, and their npm, in its own folders.
  if (basename(npm).startsWith("pnpm")) {
    run([npm, ...command]);
    return;
  }
  const exec = [npm, "exec", "--yes", "--loglevel=error", "--prefer-offline", `--package=${packageManager}`, "--"];
  if (!isVerified) run([...exec, "node", fileURLToPath(new URL("verify-pnpm.mjs", import.meta.url))]);
  isVerified = true;
  run([...exec, "pnpm", ...command]);
}

function run([program, ...args]) {
  // Older versions of pnpm are scripts, newer ones are programs.
  const [file, ...prefix] = /\.[cm]?js$/.test(program) ? [process.execPath, program] : [program];
  const { status, signal, error } = spawnSync(file, [...prefix, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", INIT_CWD: process.env.INIT_CWD ?? process.cwd() },
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? (signal === "SIGINT" ? 130 : 1));
}
