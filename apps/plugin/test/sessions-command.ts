import { join } from "node:path";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { AppServer } from "../../../packages/rollout/src/testing/app-server.ts";
import { CodexThread } from "../../../packages/rollout/src/testing/codex-thread.ts";
import { eventually, PLUGIN, runPlugin, runToEnd } from "./harness.ts";

const envOf = (thread: CodexThread) => ({ ...thread.home.env, XDG_CACHE_HOME: join(thread.home.path, "cache") });

/** Runs the subcommand as the user does, without a terminal. */
export const sessions = (thread: CodexThread, ...args: string[]) => sessionsIn(thread.home.path, thread, ...args);

/** Runs the subcommand for another codex home. */
export async function sessionsIn(codexHome: string, thread: CodexThread, ...args: string[]) {
  const env = { ...envOf(thread), CODEX_HOME: codexHome, COLUMNS: "80" };
  return runPlugin(["sessions", ...args], env);
}

/** Runs a line of shell in which the subcommand is the first word. */
export async function shellSessions(thread: CodexThread, line: string) {
  const env = { ...envOf(thread), NODE: process.execPath, PLUGIN };
  return runToEnd("sh", ["-c", `"$NODE" "$PLUGIN" sessions ${line}`], env);
}

export const IDS = ["call_one", "call_two", "call_three"];
const print = (callId: string) => answer([shell(`seq 1000 1400 # ${callId}`, { callId })]);

/** Creates a thread of three turns with one call each. */
export async function threadWithCalls(codex = newestCodex): Promise<CodexThread> {
  const thread = await CodexThread.create({ codex });
  await thread.turn([print("call_one"), say("1")], "first");
  await thread.turn([print("call_two"), say("2")], "second");
  await thread.turn([print("call_three"), say("3")], "third");
  return thread;
}

/**
 * A real terminal of 80 columns with the subcommand in it. The newest codex provides the terminal: Node can't open one, and codex does
 * so on every system that it runs on.
 */
export class SessionsTerminal implements AsyncDisposable {
  readonly #server: AppServer;
  /** Everything that was written to the terminal. */
  screen = "";
  #exitCode: Promise<number> | undefined;

  private constructor(server: AppServer) {
    this.#server = server;
    server.on("command/exec/outputDelta", ({ deltaBase64 }) => {
      this.screen += Buffer.from(deltaBase64, "base64").toString();
    });
  }

  static async start(thread: CodexThread, ...args: string[]): Promise<SessionsTerminal> {
    thread.codex = newestCodex;
    const terminal = new SessionsTerminal(await AppServer.start(thread));
    terminal.#exitCode = terminal.#server
      .request("command/exec", {
        command: [process.execPath, PLUGIN, "sessions", ...args],
        processId: "sessions",
        tty: true,
        size: { cols: 80, rows: 24 },
        sandboxPolicy: { type: "dangerFullAccess" },
        env: { ...envOf(thread), TERM: "xterm-256color" },
      })
      .then(({ exitCode }) => exitCode);
    return terminal;
  }

  /** Waits for a text to appear. */
  async shows(text: string): Promise<void> {
    await eventually(`the terminal shows ${text}`, () => this.screen.includes(text));
  }

  async type(keys: string): Promise<void> {
    const deltaBase64 = Buffer.from(keys).toString("base64");
    await this.#server.request("command/exec/write", { processId: "sessions", deltaBase64 });
  }

  /** Waits for the end of the command. */
  async exitCode(): Promise<number | undefined> {
    return this.#exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
