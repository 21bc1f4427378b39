import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type OrphanedTurn, orphanedTurns } from "@plexum/cli-turn";
import { imageLeftovers } from "@plexum/codex-turn";
import { type GlobalRegistration, globalRegistrations, socketLeftovers } from "@plexum/mcp-bridge";
import { mutationLeftovers } from "@plexum/rollout";
import { staleThreadLocks } from "@plexum/session-store";
import { type Check, count, type Outcome, ok, someOf, unchecked } from "./check.ts";
import type { Context } from "./context.ts";

/** What somebody left behind, and how to do away with it. */
interface Leftover {
  /** A line for a person. */
  readonly text: string;
  /** False if it was left alone, since somebody uses it by now. */
  mend(): Promise<boolean>;
}

interface LeftoverCheck extends Pick<Check, "id" | "meaning"> {
  /** As in "3 sockets that nobody listens on". */
  readonly one: string;
  readonly several: string;
  readonly mended: string;
  find(context: Context, signal: AbortSignal): Promise<readonly Leftover[]>;
}

function leftovers({ id, meaning, one, several, mended, find }: LeftoverCheck): Check {
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
          meaning: "What is left there can't be found out.",
          remedy: "Do as the message says.",
        };
      }
      if (found.length === 0) return ok("none");
      return {
        status: "warning",
        title: count(found.length, one, several),
        detail: someOf(found.map(({ text }) => text)),
        fix: () => mendAll(found, mended),
      };
    },
  };
}

/** One that can't be mended keeps none of the others from it. */
async function mendAll(found: readonly Leftover[], mended: string): Promise<string> {
  let done = 0;
  const failures: string[] = [];
  for (const { text, mend } of found) {
    try {
      if (await mend()) done++;
    } catch (error) {
      failures.push(`${text}: ${(error as Error).message}`);
    }
  }
  const inUse = found.length - done - failures.length;
  return [
    `${mended}: ${done}.`,
    ...(inUse > 0 ? [`In use by now, and left alone: ${inUse}.`] : []),
    ...(failures.length > 0 ? [`Not mended:\n${someOf(failures)}`] : []),
  ].join("\n");
}

export const leftoverMutations = leftovers({
  id: "leftover-mutations",
  meaning:
    "A mutation was interrupted. It is finished when the thread is used next; until then the model may see half of it.",
  one: "interrupted mutation",
  several: "interrupted mutations",
  mended: "Finished, or dropped where nothing was changed yet",
  async find({ codexHome }, signal) {
    const found = await mutationLeftovers({ codexHome, signal });
    return found.map(({ rollout, files, repair }) => ({
      text: rollout ?? `${files[0]} (its rollout is gone)`,
      mend: () => repair().then(() => true, unlessBusy),
    }));
  },
});

export const leftoverThreadLocks = leftovers({
  id: "leftover-thread-locks",
  meaning: "Empty files of threads that codex has no rollout of any more. They lock nothing.",
  one: "lock file of a thread that is gone",
  several: "lock files of threads that are gone",
  mended: "Removed",
  async find({ codexHome }, signal) {
    const found = await staleThreadLocks(codexHome, { signal });
    return found.map((lock) => ({ text: lock.path, mend: () => lock.remove() }));
  },
});

export const leftoverSockets = leftovers({
  id: "leftover-sockets",
  meaning: "Left by plugins that were killed. The next turn with tools of the same agent replaces its own.",
  one: "socket that nobody listens on",
  several: "sockets that nobody listens on",
  mended: "Removed",
  async find() {
    return (await socketLeftovers()).map((found) => ({ text: found.path, mend: () => found.remove() }));
  },
});

export const leftoverImages = leftovers({
  id: "leftover-images",
  meaning: "Images of prompts, readable by this user alone, that killed plugins left in the temp folder.",
  one: "folder of images",
  several: "folders of images",
  mended: "Removed",
  async find() {
    return (await imageLeftovers()).map((found) => ({ text: found.path, mend: done(() => found.remove()) }));
  },
});

export const leftoverProcesses = leftovers({
  id: "leftover-processes",
  meaning: "codex, or what the model has started with it, runs on though the plugin that started it was killed.",
  one: "turn whose plugin is gone",
  several: "turns whose plugins are gone",
  mended: "Ended",
  async find({ codexHome }) {
    const where = (env: Readonly<Record<string, string>>) =>
      resolve(env.CODEX_HOME || join(env.HOME ?? "", ".codex")) === resolve(codexHome);
    return orphanedTurns({ where }).map((turn) => ({ text: processesText(turn), mend: done(() => turn.end()) }));
  },
});

const processesText = ({ owner, processes }: OrphanedTurn) =>
  `of plugin ${owner}: ${processes.map(({ pid, command }) => `${pid} (${command.slice(0, 100)})`).join(", ")}`;

const registrations = leftovers({
  id: "leftover-registrations",
  meaning: "Every codex of this user starts these servers in each turn, and no plugin needs them.",
  one: "server in codex's own config",
  several: "servers in codex's own config",
  mended: "Taken out",
  async find(context, signal) {
    const { command } = await context.codex();
    const [codex, ...codexArgs] = command;
    const { mcpRegistration } = await context.config();
    const found = await globalRegistrations({ codex, codexArgs, env: context.env, timeoutMs: 15_000, signal });
    const unneeded: GlobalRegistration[] = [];
    for (const one of found) if (mcpRegistration === "run" || !(await canStart(one))) unneeded.push(one);
    return unneeded.map((one) => ({ text: `${one.name}: ${one.command.join(" ")}`, mend: () => one.remove() }));
  },
});

export const leftoverRegistrations: Check = {
  ...registrations,
  async run(context, signal) {
    if ((await context.codex().catch(() => undefined)) === undefined)
      return unchecked("codex was not found", "codex-found");
    const config = await context.loadedConfig().catch(() => undefined);
    // Whether they are wanted stands in the config.
    return config === undefined ? unchecked("the config can't be read", "config") : registrations.run(context, signal);
  },
};

/** Whether what codex would start is still there: the program, and the file that it is given. */
const canStart = ({ command: [program = "", script = program] }: GlobalRegistration) =>
  Promise.all([access(program), access(script)]).then(
    () => true,
    () => false,
  );

const done = (mend: () => Promise<void>) => () => mend().then(() => true);

function unlessBusy(error: unknown): boolean {
  if ((error as { code?: string }).code === "busy") return false;
  throw error;
}
