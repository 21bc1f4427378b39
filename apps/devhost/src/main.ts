import { constants } from "node:os";
import { parseArgs } from "node:util";
import { chat } from "./chat.ts";
import { demonstrate } from "./demonstrate.ts";
import { liveSetup, scriptedSetup } from "./setup.ts";

const USAGE = `npm start                    a conversation with the real codex and a scripted model; needs no account
npm start -- --chat          a prompt to type at, answered by the scripted model
npm start -- --live          the same conversation with your own codex login and its model
npm start -- --live --chat   a prompt to type at, answered by your own codex login

  --model NAME               the model to ask for (with --live)
  --workspace FOLDER         where codex works (default: a temporary folder, removed at the end)
`;

/** Aborted to end the program early. Everything that it created is removed then too. */
const stopped = new AbortController();
// The output is piped into something that stops reading, such as `head`.
process.stdout.on("error", () => stopped.abort());
// A second signal has the system's default effect: it ends the process at once.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.once(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    stopped.abort();
  });

try {
  const { values } = parseArgs({
    options: {
      live: { type: "boolean", default: false },
      chat: { type: "boolean", default: false },
      model: { type: "string", default: "" },
      workspace: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) process.stdout.write(USAGE);
  else {
    await using setup = await (values.live ? liveSetup : scriptedSetup)(values);
    await (values.chat ? chat : demonstrate)(setup, stopped.signal);
  }
} catch (error) {
  // A failure caused by the abort is expected.
  if (!stopped.signal.aborted) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    if ((error as { code?: unknown }).code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") process.stderr.write(`\n${USAGE}`);
    process.exitCode = 1;
  }
}
