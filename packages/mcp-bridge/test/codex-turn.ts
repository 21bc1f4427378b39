import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import type { CodexHome, CodexInstall } from "@plexum/real-codex";
import { type Bridge, type CodexOverrideOptions, codexEnvironment, codexOverrides } from "../src/index.ts";
import { relayCommand } from "./relay-command.ts";

export interface TurnOptions extends CodexOverrideOptions {
  readonly codex: CodexInstall;
  readonly home: CodexHome;
  readonly bridge: Bridge;
  readonly prompt?: string;
  /** Instead of the bridge's. */
  readonly token?: string;
}

/** Starts `codex exec` with a bridge's tools, as a host does. */
export function startTurn({ codex, home, bridge, prompt = "go", token = bridge.token, ...options }: TurnOptions) {
  const overrides = codexOverrides({ ...bridge, ...relayCommand }, options);
  const flags = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "--json"];
  const child = spawn(codex.path, ["exec", ...flags, ...overrides, prompt], {
    cwd: home.path,
    env: { ...home.env, ...codexEnvironment(token) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  const finished = (async () => {
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    const events = stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    return { events, stderr, code };
  })();
  return { child, finished };
}

export async function runTurn(options: TurnOptions) {
  return await startTurn(options).finished;
}

/** The namespace under which the model finds a server's tools. */
export function codexNamespace(serverName: string): string {
  return `mcp__${serverName.replaceAll("-", "_")}`;
}
