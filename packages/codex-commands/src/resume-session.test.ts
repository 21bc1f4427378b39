import { execFile } from "node:child_process";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { zstdCompressSync } from "node:zlib";
import { type StartTurnOptions, startTurn } from "@plexum/codex-exec";
import { testedCodexes } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel, say } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { createSessionCommands } from "./session-commands.ts";
import type { SessionListing, SessionSummary } from "./session-summary.ts";

const resumer = newestCodex;

/** Each test changes a session before the newest codex resumes it. */
describe.each(testedCodexes())("a session of codex $version", (codex) => {
  async function setUp() {
    const model = await ScriptedModel.start(() => say("fine"));
    const home = await CodexHome.create({ baseUrl: model.baseUrl });
    const folder = await temporaryFolder();
    onTestFinished(async () => {
      await model[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });
    const { env } = home;
    const run = async (options: Partial<StartTurnOptions> = {}) => {
      const turn = await startTurn({
        ...{ prompt: "the first words", workspace: join(folder.path, "project"), binary: codex.path, env },
        ...options,
      });
      return (await turn.result).threadId as string;
    };
    const codexDoes = (...args: string[]) => promisify(execFile)(resumer.path, args, { env, cwd: folder.path });
    const cacheFolder = join(folder.path, "cache");
    const [list, resume] = createSessionCommands({ binary: resumer.path, env, cacheFolder });
    const listed = async () => (JSON.parse(await list.handle()) as SessionListing).sessions;
    /** Resumes it and checks that the model gets the whole conversation. */
    const resumes = async (sessionId: string) => {
      const answer = await resume.handle(JSON.stringify({ sessionId, prompt: "and now?" }));
      expect(JSON.parse(answer)).toEqual({ ok: true, sessionId, text: "fine" });
      expect(model.lastRequest.userTexts).toEqual(expect.arrayContaining(["the first words", "and now?"]));
    };
    return { run, codexDoes, listed, resume, resumes };
  }

  test("unchanged", async () => {
    const { run, resumes } = await setUp();
    await resumes(await run());
  });

  test("by the beginning of its id, and answered with the full id; not by one that two share", async () => {
    const { run, listed, resume } = await setUp();
    const id = await run();
    const answer = await resume.handle(JSON.stringify({ sessionId: id.slice(0, -3), prompt: "and now?" }));
    expect(JSON.parse(answer)).toEqual({ ok: true, sessionId: id, text: "fine" });
    const other = await run({ prompt: "something else" });
    let length = 0;
    while (id[length] === other[length]) length++;
    const shared = resume.handle(JSON.stringify({ sessionId: id.slice(0, length), prompt: "and now?" }));
    await expect(shared).rejects.toMatchObject({ code: "invalid_params", message: expect.stringContaining(other) });
    expect((await listed()).map(({ messageCount }) => messageCount).toSorted()).toEqual([1, 2]);
  });

  test("continued by the other version", async () => {
    const { run, resumes } = await setUp();
    const id = await run();
    await run({ threadId: id, binary: resumer.path, prompt: "in between" });
    await resumes(id);
  });

  test("started in a terminal", async () => {
    const { run, listed, resumes } = await setUp();
    const id = await run();
    const file = (await listed())[0]?.sessionFile ?? "";
    const text = await readFile(file, "utf8");
    // The text that codex's terminal interface writes instead, with the same length so that offsets in the file stay valid.
    await writeFile(file, text.replace('"source":"exec"', '"source":"cli" '));
    await resumes(id);
  });

  test("archived", async () => {
    const { run, codexDoes, listed, resumes } = await setUp();
    const id = await run();
    await codexDoes("archive", id);
    expect(await listed()).toMatchObject([{ archived: true }]);
    await resumes(id);
    expect(await listed()).toMatchObject([{ archived: false }]);
  });

  test("compressed", async () => {
    const { run, listed, resumes } = await setUp();
    const id = await run();
    const { sessionFile = "" } = (await listed())[0] as SessionSummary;
    await writeFile(`${sessionFile}.zst`, zstdCompressSync(await readFile(sessionFile)));
    await rm(sessionFile);
    expect(await listed()).toMatchObject([{ compressed: true }]);
    await resumes(id);
  });

  test("forked, and its fork", async () => {
    const { run, codexDoes, listed, resumes } = await setUp();
    const parent = await run();
    await codexDoes("exec", "fork", "--skip-git-repo-check", parent, "aside");
    const fork = (await listed()).find(({ sessionId }) => sessionId !== parent) as SessionSummary;
    await resumes(fork.sessionId);
    await resumes(parent);
  });

  test("in a renamed file, which codex doesn't find", async () => {
    const { run, listed, resumes } = await setUp();
    const id = await run();
    const { sessionFile = "" } = (await listed())[0] as SessionSummary;
    await rename(sessionFile, join(dirname(sessionFile), "the first words.jsonl"));
    expect(await listed()).toMatchObject([{ sessionId: id }]);
    await expect(resumes(id)).rejects.toThrow(/no rollout found|file does not exist/);
  });
});
