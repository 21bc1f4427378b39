import { CodexCommandsError, createSessionCommands } from "@plexum/codex-commands";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchFolder } from "../scratch.ts";

type Command = ReturnType<typeof createSessionCommands>[number];

let commands: readonly Command[] | undefined;

/** The parameters of the commands that a host calls, on a machine without sessions and without codex. */
export const commandParams: FuzzTarget = {
  name: "command-params",
  isSlow: true,
  async run({ bytes }) {
    commands ??= createSessionCommands({
      codexHome: scratchFolder("commands"),
      cacheFolder: scratchFolder("commands-cache"),
      binary: "/nowhere/codex",
    });
    for (const line of bytes.toString("utf8").split("\n").slice(0, 5)) {
      for (const { handle, command } of commands) {
        try {
          JSON.parse(await handle(line));
        } catch (error) {
          must(CodexCommandsError.isInstance(error), `${command} fails with ${(error as Error).stack}`);
          must(error.code !== "invalid_params" || error.message.length < 2000 + line.length, "a short message");
        }
      }
    }
  },
};
