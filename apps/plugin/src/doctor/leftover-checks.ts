import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type OrphanedTurn, orphanedTurns } from "@plexum/cli-turn";
import { staleThreadLocks } from "@plexum/codex-sessions";
import { imageLeftovers } from "@plexum/codex-turn";
import { type GlobalRegistration, globalRegistrations, socketLeftovers } from "@plexum/mcp-bridge";
import { mutationLeftovers } from "@plexum/rollout";
import { type Check, count, type Outcome, ok, someOf, unchecked } from "./check.ts";
import type { Context } from "./context.ts";

/** One leftover, and how to remove it. */
interface Leftover {
  /** One line that names it. */
  readonly text: string;
  /** Resolves to false if it was not touched because it is in use again. */
  repair(): Promise<boolean>;
}

interface LeftoverCheck extends Pick<Check, "id" | "meaning"> {
  /** For titles such as "3 sockets without a listener". */
  readonly one: string;
  readonly several: string;
  /** What the repair did, such as "Removed". */
  readonly repaired: string;
  find(context: Context, signal: AbortSignal): Promise<readonly Leftover[]>;
}

function leftovers({ id, meaning, one, several, repaired, find }: LeftoverCheck): Check {
  return {
    id,
    meaning,
    remedy: "Run the doctor with --fix.",
    timeoutMs: 60_000,
    async run(context, signal): Promise<Outcome> {
      const found = await find(context, signal).catch((error: Error) => error);
      if (found instanceof Error) {
        return {
          status: "error",
          title: found.message,
          meaning: "The leftovers can't be determined.",
          remedy: "Follow the message.",
        };
      }
      if (found.length === 0) return ok("none");
      return {
        status: "warning",
        title: count(found.length, one, several),
        detail: someOf(found.map(({ text }) => text)),
        fix: () => repairAll(found, repaired),
      };
    },
  };
}

/** Repairs each one, even if others fail. */
async function repairAll(found: readonly Leftover[], repaired: string): Promise<string> {
  let done = 0;
  const failures: string[] = [];
  for (const leftover of found) {
    try {
      if (await leftover.repair()) done++;
    } catch (error) {
      failures.push(`${leftover.text}: ${(error as Error).message}`);
    }
  }
  const inUse = found.length - done - failures.length;
  return [
    `${repaired}: ${done}.`,
    ...(inUse > 0 ? [`In use again, and not touched: ${inUse}.`] : []),
    ...(failures.length > 0 ? [`Not repaired:\n${someOf(failures)}`] : []),
  ].join("\n");
}

export const leftoverMutations = leftovers({
  id: "leftover-mutations",
  meaning:
    "A mutation was interrupted. The next use of the thread finishes it. Until then, the model may see only part of it.",
  one: "interrupted mutation",
  several: "interrupted mutations",
  repaired: "Finished, or discarded if nothing had changed yet",
  async find({ codexHome }, signal) {
    const found = await mutationLeftovers({ codexHome, signal });
    return found.map(({ rollout, files, repair }) => ({
      text: rollout ?? `${files[0]} (its rollout is gone)`,
      repair: () => repair().then(() => true, unlessBusy),
    }));
  },
});

export const leftoverThreadLocks = leftovers({
  id: "leftover-thread-locks",
  meaning: "These are empty files of threads whose rollouts no longer exist. They lock nothing.",
  one: "lock file of a thread that no longer exists",
  several: "lock files of threads that no longer exist",
  repaired: "Removed",
  async find({ codexHome }, signal) {
    const found = await staleThreadLocks(codexHome, { signal });
    return found.map((lock) => ({ text: lock.path, repair: () => lock.remove() }));
  },
});

export const leftoverSockets = leftovers({
  id: "leftover-sockets",
  meaning: "They are leftovers of killed plugins. The plugin removes them when it starts.",
  one: "socket without a listener",
  several: "sockets without a listener",
  repaired: "Removed",
  async find() {
    return (await socketLeftovers()).map((found) => ({ text: found.path, repair: () => found.remove() }));
  },
});

export const leftoverImages = leftovers({
  id: "leftover-images",
  meaning:
    "They are images of prompts in the temporary folder, left by killed plugins. Only this user can read them. The plugin removes them when it starts.",
  one: "folder of images",
  several: "folders of images",
  repaired: "Removed",
  async find() {
    return (await imageLeftovers()).map((found) => ({ text: found.path, repair: done(() => found.remove()) }));
  },
});

export const leftoverProcesses = leftovers({
  id: "leftover-processes",
  meaning: "Their plugin was killed, but codex, or a process that the model started, is still running.",
  one: "turn whose plugin is gone",
  several: "turns whose plugins are gone",
  repaired: "Ended",
  async find({ codexHome }) {
    const where = (env: Readonly<Record<string, string>>) =>
      resolve(env.CODEX_HOME || join(env.HOME ?? "", ".codex")) === resolve(codexHome);
    return orphanedTurns({ where }).map((turn) => ({ text: processesText(turn), repair: done(() => turn.end()) }));
  },
});

const processesText = ({ owner, processes }: OrphanedTurn) =>
  `of plugin ${owner}: ${processes.map(({ pid, command }) => `${pid} (${command.slice(0, 100)})`).join(", ")}`;

const registrations = leftovers({
  id: "leftover-registrations",
  meaning: "Every codex of this user starts these servers in each turn, but no plugin needs them.",
  one: "server in codex's own config",
  several: "servers in codex's own config",
  repaired: "Removed",
  async find(context, signal) {
    const { command } = await context.codex();
    const [codex, ...codexArgs] = command;
    const { mcpRegistration } = await context.config();
    const found = await globalRegistrations({ codex, codexArgs, env: context.env, timeoutMs: 15_000, signal });
    const unneeded: GlobalRegistration[] = [];
    for (const one of found) if (mcpRegistration === "run" || !(await canStart(one))) unneeded.push(one);
    return unneeded.map((one) => ({ text: `${one.name}: ${one.command.join(" ")}`, repair: () => one.remove() }));
  },
});

export const leftoverRegistrations: Check = {
  ...registrations,
  async run(context, signal) {
    if ((await context.codex().catch(() => undefined)) === undefined)
      return unchecked("codex was not found", "codex-found");
    const config = await context.loadedConfig().catch(() => undefined);
    // The config says whether they are needed.
    return config === undefined ? unchecked("the config can't be read", "config") : registrations.run(context, signal);
  },
};

/** Returns whether the program that codex would start, and the script passed to it, still exist. */
const canStart = ({ command: [program = "", script = program] }: GlobalRegistration) =>
  Promise.all([access(program), access(script)]).then(
    () => true,
    () => false,
  );

const done = (repair: () => Promise<void>) => () => repair().then(() => true);

function unlessBusy(error: unknown): boolean {
  if ((error as { code?: string }).code === "busy") return false;
  throw error;
}
