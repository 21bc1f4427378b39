import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { lockThread, lockWorkspace } from "@plexum/session-store";
import { processesWith } from "../host/processes.ts";
import { becomesTrue } from "../host/wait.ts";
import type { Violation } from "./violation.ts";

export interface PlacesToLook {
  /** The host's profile folder: everything that the plugin started has it in its environment. */
  readonly profile: string;
  readonly codexHome: string;
  readonly temporary: string;
  readonly workspaces: readonly string[];
}

/** How long processes that end after the plugin may take. */
const GONE_WITHIN_MS = 20_000;

/** Checks that a plugin that has ended left no process, socket, held lock, journal or temporary file. */
export async function checkLeftovers(places: PlacesToLook, goneWithinMs = GONE_WITHIN_MS): Promise<Violation[]> {
  const found: Violation[] = [];
  const report = (what: string) => found.push({ invariant: "leftover", what });
  const processes = () => processesWith("PLEXUM_PROFILE_ROOT", places.profile);
  if (!(await becomesTrue(() => processes().length === 0, goneWithinMs)))
    for (const { pid, command } of processes()) report(`process ${pid} is left: ${command.slice(0, 200)}`);
  for (const name of await filesBelow(join(places.codexHome, "sessions"))) {
    if (!/(^|\/)rollout-[^/]*\.jsonl(\.zst)?$/.test(name)) report(`the file sessions/${name} is left`);
  }
  for (const name of await filesBelow(places.temporary)) report(`the temporary file ${name} is left`);
  for (const workspace of places.workspaces) await checkWorkspace(workspace, places.codexHome, report);
  return found;
}

const EXPECTED_IN_WORKSPACE = new Set([".plexum-codex-session", ".plexum-codex-session.lock", ".plexum-codex-system"]);

async function checkWorkspace(workspace: string, codexHome: string, report: (what: string) => void): Promise<void> {
  const names = await filesBelow(workspace);
  for (const name of names) {
    if (!EXPECTED_IN_WORKSPACE.has(name)) report(`the file ${name} is left in the workspace`);
  }
  if (!names.includes(".plexum-codex-session")) return;
  const threadId = await readFile(join(workspace, ".plexum-codex-session"), "utf8");
  const lockFile = join(workspace, ".plexum-codex-session.lock");
  if ((await stat(lockFile)).size > 0) report("the workspace's lock file is not empty");
  await using stack = new AsyncDisposableStack();
  await lockWorkspace(workspace).then(
    (lock) => stack.use(lock),
    (error: Error) => report(`the workspace's lock is still held: ${error.message}`),
  );
  await lockThread(codexHome, threadId).then(
    (lock) => stack.use(lock),
    (error: Error) => report(`the thread's lock is still held: ${error.message}`),
  );
}

/** Returns the paths, relative to the folder, of everything in it that isn't a folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    },
  );
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
