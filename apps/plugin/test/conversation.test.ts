import { appendFile, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes } from "@plexum/codex-versions";
import { answer, httpError, message, say, shell } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { assistant, byEachTransport, Harness, turn, user } from "./harness.ts";

const THREAD_FILE = ".plexum-codex-session";

describe.each(byEachTransport(testedCodexes()))("a conversation on codex $version by $transport", (codex) => {
  test("turn 2 continues turn 1's thread, and reports its own usage", async () => {
    await using harness = await Harness.create({
      codex,
      script: [
        answer([message("first"), shell("echo looked")], { input: 1000, cached: 100, output: 50, reasoning: 7 }),
        say("second", { input: 2000, cached: 900, output: 60, reasoning: 8 }),
        say("third", { input: 5000, cached: 4000, output: 70, reasoning: 9 }),
      ],
    });
    const plugin = await harness.plugin();

    const one = await turn(plugin, harness.request("remember the number 71"));
    expect(one.text).toBe("first\nsecond");
    expect(one.end).toEqual({
      type: "message_end",
      stop_reason: "end_turn",
      usage: { input_tokens: 3000, cache_read_tokens: 1000, output_tokens: 110, thinking_tokens: 15 },
    });
    const path = join(harness.workspace, THREAD_FILE);
    const threadId = await readFile(path, "utf8");
    expect(threadId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect((await stat(path)).mode & 0o777).toBe(0o600);

    const two = await turn(
      plugin,
      harness.request([user("remember the number 71"), assistant("second"), user("which number?")]),
    );
    expect(two.text).toBe("third");
    expect(two.end.usage).toEqual({
      input_tokens: 5000,
      cache_read_tokens: 4000,
      output_tokens: 70,
      thinking_tokens: 9,
    });
    expect(harness.model.lastRequest.userTexts).toContain("remember the number 71");
    expect(harness.model.lastRequest.prompt).toBe("which number?");
    expect(await readFile(path, "utf8")).toBe(threadId);
  });

  test.each([
    ["a flag", "--version"],
    ["a setting", "-c model=x"],
    ["a subcommand", "help"],
    ["an empty line first", "\n\nhello"],
    ["white space at the end", "hello  \n\n"],
    ["line separators and a next-line character", "a\u2028b\u2029c\u0085d"],
    ["emoji", "👩🏽‍🚀 und Grüße"],
    ["1 048 576 characters of four bytes each", "😀".repeat(1_048_576)],
  ])("a prompt arrives verbatim: %s", async (_name, prompt) => {
    await using harness = await Harness.create({ codex, script: [say("ok")] });
    const { text } = await turn(await harness.plugin(), harness.request(prompt));
    expect(text).toBe("ok");
    // Compared by hand, so that a failure does not print a text of 4 MB.
    expect(harness.model.lastRequest.prompt === prompt).toBe(true);
  });

  test("NUL is removed from a prompt, with a warning", async () => {
    await using harness = await Harness.create({ codex, script: [say("ok")] });
    await turn(await harness.plugin(), harness.request("a\0b\0"));
    expect(harness.model.lastRequest.prompt).toBe("ab");
    expect(harness.warnings()).toContain("2 NUL characters were removed from the prompt");
  });

  test("an unusable prompt is refused before anything starts", async () => {
    await using harness = await Harness.create({ codex });
    const plugin = await harness.plugin();
    const refused = (prompt: string) => turn(plugin, harness.request(prompt));
    await expect(refused("x".repeat(1_048_577))).rejects.toMatchObject({ data: { code: "prompt_too_long" } });
    await expect(refused(" \n\t")).rejects.toMatchObject({ data: { code: "no_user_text" } });
    await expect(turn(plugin, harness.request([assistant("hi")]))).rejects.toMatchObject({
      data: { code: "no_user_text" },
    });
    expect(harness.logs.some(({ message }) => message === "codex started")).toBe(false);
  });

  test("text blocks are joined, and images reach the model", async () => {
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    await using harness = await Harness.create({ codex, script: [say("one"), say("two")] });
    const plugin = await harness.plugin();
    const withCommas = join(harness.folder, "a,b c.png");
    await writeFile(withCommas, Buffer.from(png, "base64"));
    const content = [
      { type: "text" as const, text: "look" },
      { type: "image" as const, data_base64: png, media_type: "image/png" },
      { type: "text" as const, text: "at these" },
      { type: "image" as const, path: withCommas },
      { type: "image" as const, url: "https://example.org/c.png" },
    ];
    // The second turn resumes a thread, for which codex parses its flags differently.
    for (const expected of ["one", "two"]) {
      const { text } = await turn(plugin, harness.request([{ role: "user", content }]));
      expect(text).toBe(expected);
      const last = harness.model.lastRequest.input.findLast((item) => item.role === "user");
      const parts = (last?.content ?? []) as { type: string }[];
      expect(parts.filter(({ type }) => type === "input_image")).toHaveLength(2);
      expect(harness.model.lastRequest.prompt).toContain("look\nat these");
    }
    expect(harness.warnings().filter((warning) => warning.includes("an image was omitted"))).toHaveLength(2);
  });

  test("if the rollout is lost, a new thread gets the conversation so far", async () => {
    await using harness = await Harness.create({ codex, script: [say("noted"), say("it was 71")] });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("the number is 71"));
    const before = await readFile(join(harness.workspace, THREAD_FILE), "utf8");
    await plugin.close();
    await harness.home.forgetThreads();

    const history = [user("the number is 71"), assistant("noted"), user("which number?")];
    const again = await turn(await harness.plugin(), harness.request(history));
    expect(again.text).toBe("it was 71");
    expect(again.end.stop_reason).toBe("end_turn");
    expect(again.events.filter(({ type }) => type === "message_start")).toHaveLength(1);
    expect(harness.model.lastRequest.prompt).toContain("User: the number is 71\n\nAssistant: noted");
    expect(harness.model.lastRequest.prompt).toMatch(/which number\?$/);
    expect(harness.warnings().join()).toContain("continuing in a new thread");
    expect(await readFile(join(harness.workspace, THREAD_FILE), "utf8")).not.toBe(before);
  });

  test("a damaged thread file is set aside, with a warning", async () => {
    await using harness = await Harness.create({ codex, script: [say("one"), say("two")] });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("hi"));
    await appendFile(join(harness.workspace, THREAD_FILE), "garbage");
    expect((await turn(plugin, harness.request("hi again"))).text).toBe("two");
    expect((await readdir(harness.workspace)).some((name) => name.startsWith(`${THREAD_FILE}.damaged-`))).toBe(true);
    expect(harness.warnings().join()).toContain("is set aside");
  });

  test("a damaged thread file is reported again after a mutation, and after a turn that fails too early", async () => {
    await using harness = await Harness.create({ codex, script: [say("noted"), say("it was 71")] });
    await turn(await harness.plugin(), harness.request("the number is 71"));
    const path = join(harness.workspace, THREAD_FILE);
    await appendFile(path, "garbage");
    const history = harness.request([user("the number is 71"), assistant("noted"), user("which number?")]);

    const { transport } = codex;
    await harness.configure({ binary: codex.path, transport, extra_args: ["-c", 'model_provider="nowhere"'] });
    const failing = await harness.plugin();
    const mutations = [{ block_id: "call_a", op: "consume-light" }];
    const { agent } = history;
    expect(await failing.mutate({ ...agent, mutations })).toMatchObject({ missing: ["call_a"] });
    expect(await failureCode(turn(failing, history))).toBe("config_invalid");
    expect(await readFile(path, "utf8")).toMatch(/garbage$/);

    await harness.configure({ binary: codex.path, transport });
    expect((await turn(await harness.plugin(), { ...history, stream_id: "again" })).text).toBe("it was 71");
    expect(harness.model.lastRequest.prompt).toContain("User: the number is 71\n\nAssistant: noted");
    expect(await readFile(path, "utf8")).toMatch(/^[0-9a-f-]{36}$/);
    expect((await readdir(harness.workspace)).filter((name) => name.includes(".damaged-"))).toHaveLength(1);
  });

  test("a thread without a record does not replace one that has a record", async () => {
    await using harness = await Harness.create({ codex, config: { extra_args: ["-c", 'model_provider="nowhere"'] } });
    const plugin = await harness.plugin();
    expect(await failureCode(turn(plugin, harness.request("hi")))).toBe("config_invalid");
    expect(await readdir(harness.workspace)).not.toContain(THREAD_FILE);
  });

  test("a turn fails with its model, and the next turn completes", async () => {
    await using harness = await Harness.create({
      codex,
      script: [httpError(400, { error: { message: "no" } }), say("fine")],
    });
    const plugin = await harness.plugin();
    const failed = await turn(plugin, harness.request("first"));
    expect(failed.end.stop_reason).toBe("error");
    expect(failed.events.filter(({ type }) => type === "error")).toHaveLength(1);
    expect((await turn(plugin, harness.request("second"))).text).toBe("fine");
    expect(harness.model.lastRequest.userTexts).toContain("first");
  });
});

/** Returns the error of a turn that failed or was refused: an app-server does not start with an invalid config. */
const failureCode = (running: ReturnType<typeof turn>): Promise<unknown> =>
  running.then(
    ({ error }) => error?.code,
    (error: { data?: { code?: string } }) => error.data?.code,
  );
