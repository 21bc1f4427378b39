import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { WorkspaceThread } from "@plexum/session-store";
import { expect, onTestFinished, test, vi } from "vitest";
import { defaultConfig } from "../src/config.ts";
import { HostTools } from "../src/host-tools/host-tools.ts";
import { runTurn } from "../src/turn/run-turn.ts";
import { Transports } from "../src/turn/transports.ts";
import { Harness, TRANSPORTS } from "./harness.ts";

test.each(TRANSPORTS)(
  "a turn by %s whose events can't be emitted leaves nothing running in the plugin",
  async (transport) => {
    await using harness = await Harness.create({
      codex: newestCodex,
      script: [answer([shell("echo a", { callId: "call_a" })]), say("done")],
    });
    const { env, home, workspace } = harness;
    const config = { ...defaultConfig(), binary: newestCodex.path, transport };
    const host = { log() {}, callTool: () => Promise.reject(), readAgentState: () => Promise.reject() };
    await using transports = new Transports(config, env, home.path);
    const [begun, ended] = [vi.spyOn(globalThis, "setInterval"), vi.spyOn(globalThis, "clearInterval")];
    onTestFinished(() => {
      vi.restoreAllMocks();
    });
    const emitted: string[] = [];
    const turn = runTurn({
      request: harness.request("look"),
      config,
      codexHome: home.path,
      store: new WorkspaceThread(workspace),
      tools: new HostTools(host, config, env),
      transports,
      threadId: undefined,
      text: "look",
      images: [],
      signal: new AbortController().signal,
      log() {},
      async emit({ type }) {
        emitted.push(type);
        if (type === "text_delta") throw new Error("it can't be emitted");
      },
    });
    await expect(turn).rejects.toThrow("it can't be emitted");
    expect(emitted).toContain("tool_result");
    expect(begun).toHaveBeenCalled();
    expect(ended.mock.calls.map(([timer]) => timer)).toEqual(
      expect.arrayContaining(begun.mock.results.map(({ value }) => value)),
    );
  },
);
