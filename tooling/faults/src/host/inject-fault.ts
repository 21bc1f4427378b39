import { existsSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { PlannedTurn } from "../plan/plan.ts";
import type { Bench } from "./bench.ts";
import { type RunningTurn, startTurn } from "./host-turn.ts";
import { mountReadOnly, unmount } from "./mounts.ts";
import { consume } from "./mutate.ts";
import { signal } from "./processes.ts";
import { settle } from "./settle-turn.ts";
import { becomesTrue } from "./wait.ts";
import { rolloutFile, type WorkspaceState } from "./workspace-state.ts";

/** How long a host without a network waits for codex before it cancels the turn. */
const NETWORK_WAIT_MS = 20_000;

/** What a fault does to a turn: before it, at the planned moment, and when it is over. */
export interface InjectedFault {
  before?(): Promise<void>;
  during?(running: RunningTurn): Promise<void> | void;
  after?(running: RunningTurn): Promise<void>;
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one case for each kind of fault, and no case depends on another
export function startFault(bench: Bench, state: WorkspaceState, turn: PlannedTurn): InjectedFault {
  const killPlugin = async () => {
    (await bench.plugin()).kill();
    bench.leavePlugin();
  };
  const signalCodex = (name: NodeJS.Signals) => {
    for (const pid of bench.codexes(state)) signal(pid, name);
  };
  switch (turn.fault) {
    case "cancel":
      return { during: (running) => running.cancel() };
    case "model-never-ends":
      return {
        async during(running) {
          await Promise.race([running.over, delay(turn.ms)]);
          running.cancel();
        },
      };
    case "kill-codex":
      return { during: () => signalCodex("SIGKILL") };
    case "kill-idle-codex":
      return {
        async before() {
          signalCodex("SIGKILL");
          await delay(turn.ms % 5);
        },
      };
    case "kill-plugin":
      return { during: killPlugin };
    case "kill-bridge":
      return {
        async during(running) {
          await Promise.race([running.script.firstRequest.then(() => delay(200)), running.over]);
          await killPlugin();
        },
      };
    case "kill-relay":
      return {
        during: () => {
          for (const pid of bench.relays()) signal(pid, "SIGKILL");
        },
      };
    case "kill-mutation":
      return {
        async before() {
          if (turn.mutation === undefined) return;
          const consuming = consume(bench, state, turn.mutation);
          await Promise.race([consuming, delay(turn.ms % 30)]);
          await killPlugin();
          await consuming;
        },
      };
    case "mutate-during":
      return mutateDuring(bench, state, turn);
    case "two-turns":
      return {
        async during({ over }) {
          const second = await startTurn(bench, state, { ...turn, calls: [], fault: "none" });
          const outcome = await second.over;
          if (outcome.error !== "busy" && (await Promise.race([over, "runs"])) === "runs")
            bench.report("ending", `a second turn at once ended with ${outcome.stopReason} (${outcome.error})`);
          await settle(bench, second, outcome, outcome.error === "busy" ? "cancel" : "none");
        },
      };
    case "two-workspaces":
      return {
        async during() {
          const other = bench.workspaces[turn.workspace === "a" ? "b" : "a"];
          const second = await startTurn(bench, other, { ...turn, fault: "none" });
          await settle(bench, second, await second.over, "none");
        },
      };
    case "stop-codex":
      return {
        async during() {
          signalCodex("SIGSTOP");
          await delay(turn.ms);
          signalCodex("SIGCONT");
        },
      };
    case "stop-codex-cancel":
      return {
        async during(running) {
          signalCodex("SIGSTOP");
          await delay(turn.ms % 300);
          running.cancel();
        },
        async after() {
          signalCodex("SIGCONT");
        },
      };
    case "cut-stdin":
      return {
        async during() {
          const plugin = await bench.plugin();
          bench.leavePlugin();
          plugin.cutInput();
          const code = await plugin.ended();
          if (code !== 0) bench.report("ending", `the plugin whose input was cut ended with ${code}`);
        },
      };
    case "silent-host":
      return {
        async during() {
          const plugin = await bench.plugin();
          plugin.stopReading();
          await delay(turn.ms);
          plugin.readOn();
        },
      };
    case "remove-home": {
      let threadId: string | undefined;
      return {
        async during(running) {
          threadId = state.threadId;
          bench.forgetThreads();
          await rm(bench.home.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
          // Without its config, codex asks OpenAI's servers, and 0.169 waits for a network as long as there is none.
          await Promise.race([running.over, delay(NETWORK_WAIT_MS)]);
          running.cancel();
        },
        async after() {
          await bench.restoreHome();
          // A thread that began without the config belongs to OpenAI's servers, and 0.169 does not change that.
          if ((await state.savedThreadId()) !== threadId) await rm(state.sessionFile, { force: true });
        },
      };
    }
    case "read-only-rollout":
      return bench.canMount ? readOnlyRollout(bench, state, turn) : {};
    case "full-disk":
      return bench.canMount ? fullDisk(bench, state, turn) : {};
    default:
      return {};
  }
}

function mutateDuring(bench: Bench, state: WorkspaceState, turn: PlannedTurn): InjectedFault {
  let consuming: Promise<void> | undefined;
  return {
    during() {
      consuming = consume(bench, state, turn.mutation ?? { op: "consume-light", count: 2, from: turn.ms / 3000 });
    },
    async after() {
      await consuming;
    },
  };
}

/** The rollout must have nothing of what could not be written. */
const consumeInVain = (bench: Bench, state: WorkspaceState, { ms }: PlannedTurn) =>
  consume(bench, state, { op: "consume-heavy", count: 2, from: ms / 3001 }, true);

function readOnlyRollout(bench: Bench, state: WorkspaceState, turn: PlannedTurn): InjectedFault {
  let file: string | undefined;
  return {
    async before() {
      file = state.threadId && (await rolloutFile(bench.home.path, state.threadId));
      if (file === undefined) return;
      mountReadOnly(file);
      bench.mounted.add(file);
      await consumeInVain(bench, state, turn);
    },
    async after() {
      if (file === undefined) return;
      unmount(file);
      bench.mounted.delete(file);
    },
  };
}

function fullDisk(bench: Bench, state: WorkspaceState, turn: PlannedTurn): InjectedFault {
  const filler = join(bench.folder, "filler");
  return {
    async during() {
      await using file = await open(filler, "w");
      const block = Buffer.alloc(1024 * 1024);
      await becomesTrue(async () => {
        try {
          await file.write(block);
          return false;
        } catch {
          return true;
        }
      }, 5000);
    },
    async after() {
      await consumeInVain(bench, state, turn);
      if (existsSync(filler)) await rm(filler);
      for (const state of Object.values(bench.workspaces)) state.mayBeTorn = true;
      await mkdir(bench.temporary, { recursive: true });
    },
  };
}
