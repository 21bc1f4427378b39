import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { CodexHome, CodexInstall } from "@plexum/real-codex";
import { type Bridge, type CodexOverrideOptions, codexEnvironment, codexOverrides } from "../src/index.ts";
import { relayCommand } from "./relay-command.ts";

export interface TurnOptions extends CodexOverrideOptions {
  readonly codex: CodexInstall;
  readonly home: CodexHome;
  readonly bridge: Pick<Bridge, "agentId" | "socketPath" | "token">;
  /** How the relay is started, if not as usual. */
  readonly relay?: { command: string; args: string[] };
}

/** Starts `codex exec` with a bridge's tools, as a host does. */
export function startTurn({ codex, home, bridge, relay = relayCommand, ...options }: TurnOptions) {
  const overrides = codexOverrides({ ...bridge, ...relay }, options);
  const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"];
  const child = spawn(codex.path, ["exec", ...flags, ...overrides, "go"], {
    cwd: home.path,
    env: { ...home.env, ...codexEnvironment(bridge.token) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const finished = (async () => {
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    const lines = stdout.split("\n").filter(Boolean);
    return { events: lines.map((line) => JSON.parse(line)), stderr, code };
  })();
  return { child, finished };
}

export async function runTurn(options: TurnOptions) {
  return await startTurn(options).finished;
}

/** Returns every line of every rollout in a CODEX_HOME. */
export async function rolloutLines(home: CodexHome) {
  const folder = join(home.path, "sessions");
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jsonl"));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return texts.flatMap((rollout) => rollout.split("\n").filter(Boolean)).map((line) => JSON.parse(line));
}
