import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompressSync } from "node:zlib";
import { since, testedCodexes } from "@plexum/codex-versions";
import { findRollout } from "@plexum/rollout";
import { answer, say, shell } from "@plexum/scripted-model";
import { expect, test } from "vitest";
import { byEachTransport, Harness, turn } from "./harness.ts";

const threadOf = (harness: Harness) => readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");

test.each(byEachTransport(testedCodexes().filter(since("0.137.0"))))(
  "a turn by $transport on a thread that codex $version has compressed reports only its own calls and tokens",
  async (codex) => {
    await using harness = await Harness.create({
      codex,
      script: [
        answer([shell("echo one", { callId: "call_one" })], { input: 100, output: 10 }),
        say("first", { input: 200, output: 20 }),
        answer([shell("echo two", { callId: "call_two" })], { input: 300, output: 30 }),
        say("second", { input: 400, output: 40 }),
      ],
    });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("go"));
    const rollout = await findRollout(await threadOf(harness), { codexHome: harness.home.path });
    const path = rollout?.path as string;
    await writeFile(`${path}.zst`, zstdCompressSync(await readFile(path)));
    await rm(path);

    const { text, end, events } = await turn(plugin, harness.request("go on"));
    expect(text).toBe("second");
    expect(end.usage).toMatchObject({ input_tokens: 700, output_tokens: 70 });
    const calls = events.flatMap((event) => (event.type === "tool_call_start" ? [event.tool_call.id] : []));
    expect(calls).toEqual(["call_two"]);
  },
);

test.each(byEachTransport(testedCodexes().filter(since("0.136.0"))))(
  "a turn by $transport on a thread that codex $version has archived fails with how to restore it",
  async (codex) => {
    await using harness = await Harness.create({ codex, script: [say("first"), say("back")] });
    const plugin = await harness.plugin();
    await turn(plugin, harness.request("go"));
    const threadId = await threadOf(harness);
    const run = (...args: string[]) => promisify(execFile)(codex.path, args, { env: harness.env });
    await run("archive", threadId);
    const { error } = await turn(plugin, harness.request("go on"));
    expect(error).toMatchObject({ code: "thread_archived", message: expect.stringContaining("codex unarchive") });
    await run("unarchive", threadId);
    expect((await turn(plugin, harness.request("go on"))).text).toBe("back");
  },
);
