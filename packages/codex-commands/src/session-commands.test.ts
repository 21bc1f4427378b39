import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startTurn } from "@plexum/codex-exec";
import { since, testedCodexes } from "@plexum/codex-versions";
import { CodexHome } from "@plexum/real-codex";
import { answer, httpError, reasoning, type Script, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { lockThread, lockWorkspace } from "@plexum/session-store";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createSessionCommands, type SessionCommandsOptions } from "./session-commands.ts";

const UNKNOWN = "0199a213-81c0-7800-8aa1-bbab2a035a53";

test("two commands of one capability, one of them dangerous", () => {
  const [list, resume] = createSessionCommands();
  expect(list).toMatchObject({ command: "codex.cli.sessions.list", cap: "codex-cli-sessions" });
  expect(list.dangerous).toBeUndefined();
  expect(resume).toMatchObject({ command: "codex.cli.session.resume", cap: "codex-cli-sessions", dangerous: true });
});

test("an idle command does not delay the host's update, even after a refusal", async () => {
  await using home = await temporaryFolder();
  const options = { codexHome: home.path, cacheFolder: home.path };
  const [list, resume] = createSessionCommands(options);
  const active = () => [list.hasActiveWork(), resume.hasActiveWork()];
  expect(active()).toEqual([false, false]);
  await expect(resume.handle("{")).rejects.toThrow();
  const refused = resume.handle(JSON.stringify({ sessionId: UNKNOWN, prompt: "go on" }));
  expect(active()).toEqual([false, true]);
  await expect(refused).rejects.toMatchObject({ code: "session_not_found" });
  const aborted = resume.handle(JSON.stringify({ sessionId: UNKNOWN, prompt: "x" }), undefined, {
    signal: AbortSignal.abort(),
  });
  await expect(aborted).rejects.toThrow();
  expect(active()).toEqual([false, false]);
});

describe.each(testedCodexes())("sessions of codex $version", (codex) => {
  /** A home with one session in it, whose first prompt was "remember the word". */
  async function setUp(script: Script = [], options: SessionCommandsOptions = {}) {
    const model = await ScriptedModel.start(typeof script === "function" ? script : [say("noted"), ...script]);
    const home = await CodexHome.create({ baseUrl: model.baseUrl });
    const folder = await temporaryFolder();
    onTestFinished(async () => {
      await model[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const workspace = join(folder.path, "project");
    const { env } = home;
    const first = await startTurn({ prompt: "remember the word", workspace, binary: codex.path, env });
    const sessionId = (await first.result).threadId as string;
    const cacheFolder = join(folder.path, "cache");
    const [listCommand, resumeCommand] = createSessionCommands({ binary: codex.path, env, cacheFolder, ...options });
    const list = async (params?: object) => JSON.parse(await listCommand.handle(params && JSON.stringify(params)));
    const resume = async (params: object = {}, signal?: AbortSignal) => {
      const paramsJSON = JSON.stringify({ sessionId, prompt: "and now?", ...params });
      return JSON.parse(await resumeCommand.handle(paramsJSON, undefined, signal === undefined ? {} : { signal }));
    };
    return { model, home, folder: folder.path, workspace, sessionId, list, resume, resumeCommand };
  }

  test("listed, then resumed in its folder, with the whole conversation", async () => {
    const { model, home, workspace, sessionId, list, resume } = await setUp([
      answer([shell("pwd")]),
      say(" the word \n"),
    ]);
    const listing = await list();
    expect(listing).toMatchObject({ warnings: [], codexHome: home.path });
    expect(listing.sessions).toEqual([
      {
        sessionId,
        updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        lastMessage: "remember the word",
        cwd: workspace,
        sessionFile: expect.stringContaining(sessionId),
        messageCount: 1,
        archived: false,
        compressed: false,
      },
    ]);
    expect(await list({ filter: UNKNOWN })).toMatchObject({ sessions: [] });
    expect(await list({ filter: sessionId.toUpperCase(), limit: 1 })).toMatchObject({ sessions: [{ sessionId }] });
    expect(await resume()).toEqual({ ok: true, sessionId, text: "the word" });
    expect(model.lastRequest.userTexts).toEqual(expect.arrayContaining(["remember the word", "and now?"]));
    expect(JSON.stringify(model.lastRequest.input)).toContain(workspace);
    expect((await list()).sessions).toMatchObject([{ sessionId, messageCount: 2, lastMessage: "and now?" }]);
  });

  test("a prompt that looks like a flag or a shell command is only a prompt", async () => {
    const { model, folder, resume } = await setUp([say("one")]);
    const prompt = `--help; touch ${join(folder, "touched")} $(touch ${join(folder, "touched")})`;
    expect((await resume({ prompt })).text).toBe("one");
    expect(model.lastRequest.userTexts).toContain(prompt);
    expect(existsSync(join(folder, "touched"))).toBe(false);
  });

  test("an empty reply is reported as such", async () => {
    const { resume } = await setUp([answer([reasoning("hm")])]);
    expect((await resume()).text).toBe("Codex completed without a text reply.");
  });

  test("a failure quotes codex", async () => {
    const { resume } = await setUp([httpError(400, { error: { message: "the model is asleep" } })]);
    await expect(resume()).rejects.toMatchObject({
      code: "resume_failed",
      message: expect.stringContaining("the model is asleep"),
      cause: { name: "CodexTurnError" },
    });
  });

  test("a turn that takes too long is ended, and the next one runs", async () => {
    // Decides by prompt: on a slow machine, the first turn may end before codex reaches the model.
    const { resume } = await setUp(({ userTexts }) =>
      userTexts.at(-1) === "take too long" ? { kind: "hang" } : say("here"),
    );
    await expect(resume({ prompt: "take too long", timeoutMs: 1500 })).rejects.toMatchObject({
      code: "resume_failed",
      cause: { code: "timed_out" },
    });
    expect((await resume()).text).toBe("here");
  });

  test("the host's signal ends the turn, and the next one runs", async () => {
    const { model, resume, resumeCommand } = await setUp([{ kind: "hang" }, say("here")]);
    const [, registeredLater] = createSessionCommands();
    const controller = new AbortController();
    const resumed = resume({}, controller.signal);
    const expected = expect(resumed).rejects.toThrow("enough");
    await vi.waitFor(() => expect(model.requests).toHaveLength(2), { timeout: 20_000 });
    expect([resumeCommand.hasActiveWork(), registeredLater.hasActiveWork()]).toEqual([true, true]);
    controller.abort(new Error("enough"));
    expect(resumeCommand.hasActiveWork()).toBe(true);
    await expected;
    expect(resumeCommand.hasActiveWork()).toBe(false);
    await expect(resume({}, controller.signal)).rejects.toThrow("enough");
    expect((await resume()).text).toBe("here");
    expect(resumeCommand.hasActiveWork()).toBe(false);
  });

  test("refuses a second resume of a session, and one beside another turn in its folder", async () => {
    const { model, home, workspace, sessionId, resume } = await setUp([{ kind: "hang" }, say("here")]);
    const controller = new AbortController();
    const first = resume({}, controller.signal).catch(() => {});
    await vi.waitFor(() => expect(model.requests).toHaveLength(2), { timeout: 20_000 });
    await expect(resume()).rejects.toMatchObject({ code: "session_busy", message: expect.stringContaining("in use") });
    controller.abort();
    await first;
    for (const lock of [() => lockThread(home.path, sessionId), () => lockWorkspace(workspace)]) {
      await using _held = await lock();
      await expect(resume()).rejects.toMatchObject({ code: "session_busy" });
    }
    expect(model.requests).toHaveLength(2);
    expect((await resume({ sessionId: sessionId.toUpperCase() })).text).toBe("here");
  });

  test("an unknown id is refused, and the model gets no request", async () => {
    const { model, folder, resume } = await setUp();
    for (const sessionId of [UNKNOWN, "--help", "a.name"]) {
      await expect(resume({ sessionId })).rejects.toMatchObject({ code: "session_not_found" });
    }
    await expect(resume({ sessionId: "../x" })).rejects.toMatchObject({ code: "invalid_params" });
    await expect(resume({ sessionId: UNKNOWN, cwd: folder })).rejects.toMatchObject({
      code: "session_not_found",
    });
    expect(model.requests).toHaveLength(1);
  });

  test("a missing folder is not created; another can be named", async () => {
    const { model, folder, workspace, resume } = await setUp([say("moved")]);
    await rm(workspace, { recursive: true });
    await expect(resume()).rejects.toMatchObject({ code: "folder_not_found" });
    for (const cwd of ["relative", join(folder, "absent"), "/\0"]) {
      await expect(resume({ cwd })).rejects.toMatchObject({ code: "folder_not_found" });
    }
    expect(existsSync(workspace)).toBe(false);
    const moved = join(folder, "moved");
    await mkdir(moved);
    expect((await resume({ cwd: moved })).text).toBe("moved");
    expect(JSON.stringify(model.lastRequest.input)).toContain(moved);
  });

  test("a missing codex: the message says what to do", async () => {
    const { resume } = await setUp([], { binary: "/nowhere/codex" });
    await expect(resume()).rejects.toMatchObject({
      code: "resume_failed",
      message: expect.stringContaining("/nowhere/codex"),
    });
  });

  test("malformed parameters are refused", async () => {
    const { resumeCommand } = await setUp();
    await expect(resumeCommand.handle("{")).rejects.toMatchObject({ code: "invalid_params" });
    await expect(resumeCommand.handle()).rejects.toMatchObject({ code: "invalid_params" });
  });

  // codex 0.135.0 has no such command, and resumes sessions in the archive.
  if (since("0.136.0")(codex)) {
    test("a session in the archive is unarchived", async () => {
      const { home, sessionId, list, resume } = await setUp([say("back")]);
      await promisify(execFile)(codex.path, ["archive", sessionId], { env: home.env });
      expect((await list({ archived: true })).sessions).toMatchObject([{ sessionId, archived: true }]);
      expect((await resume()).text).toBe("back");
      expect((await list()).sessions).toMatchObject([{ sessionId, archived: false }]);
    });
  }
});
