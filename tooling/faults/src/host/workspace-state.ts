import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PlannedMutation } from "../plan/plan.ts";
import type { IssuedScript } from "../plan/turn-script.ts";
import type { RolloutSnapshot } from "./rollout-snapshot.ts";

/** What a mutation did to a call. `perhaps` if the plugin was killed during it. */
export interface Consumption {
  readonly op: PlannedMutation["op"];
  readonly isCertain: boolean;
}

/** In code mode: what is known of a script. */
export interface KnownScript extends IssuedScript {
  /** The ids of its calls that the host received, with their names. */
  readonly nested: Map<string, string>;
  /** Those of them that a mutation was asked to consume, even if it skipped them: codex's record then says so. */
  readonly asked: Set<string>;
  /** Its outputs when the model was first shown them. */
  shown: readonly string[] | undefined;
}

/** What the host knows of a workspace and its thread. */
export class WorkspaceState {
  readonly path: string;
  readonly agentId: string;
  /** The streams of the thread. */
  streams: string[] = [];
  /** The prompts of the turns that completed. */
  completed: string[] = [];
  /** All calls that the model made, and those that the host may not have been sent: of forgotten turns, or of a killed plugin. */
  readonly issued = new Set<string>();
  unemitted = new Set<string>();
  consumed = new Map<string, Consumption>();
  /** The calls of the turns that completed, whose outputs the model must be shown. */
  answered: string[] = [];
  /** In code mode: the scripts of the running turn and of those that completed, by call id. */
  scripts = new Map<string, KnownScript>();
  threadId: string | undefined;
  snapshot: RolloutSnapshot | undefined;
  /** The calls that a mutation was asked to change since the snapshot. */
  mutated = new Set<string>();
  /** In code mode: the scripts whose outputs a mutation was asked to change since then. */
  mutatedOutputs = new Set<string>();
  mayBeTorn = false;

  constructor(path: string, agentId: string) {
    this.path = path;
    this.agentId = agentId;
  }

  /**
   * Records that the thread is gone. The next turn starts another one, unless codex has recorded the end of the last turn
   * in a new file: then it has calls of the forgotten turns.
   */
  forget(): void {
    this.streams = [];
    this.completed = [];
    this.unemitted = new Set(this.issued);
    this.consumed = new Map();
    this.answered = [];
    this.scripts = new Map();
    this.threadId = undefined;
    this.snapshot = undefined;
    this.mutated = new Set();
    this.mutatedOutputs = new Set();
    this.mayBeTorn = false;
  }

  get sessionFile(): string {
    return join(this.path, ".plexum-codex-session");
  }

  async savedThreadId(): Promise<string | undefined> {
    return existsSync(this.sessionFile) ? (await readFile(this.sessionFile, "utf8")).trim() : undefined;
  }
}

/** Finds a thread's rollout by its file name alone. */
export async function rolloutFile(codexHome: string, threadId: string): Promise<string | undefined> {
  for await (const name of glob(`sessions/*/*/*/rollout-*${threadId}.jsonl`, { cwd: codexHome }))
    return join(codexHome, name);
  return undefined;
}
