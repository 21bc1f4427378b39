import { execFileSync } from "node:child_process";
import { appendFile, cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { testedCodexes } from "@plexum/codex-versions";
import { answer, say, shell } from "@plexum/scripted-model";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dieFor } from "../../../jsonl-edit/src/testing/die-for.ts";
import { faultyFiles, isCompleted } from "../../../jsonl-edit/src/testing/faulty-files.ts";
import { type CallEdit, consumeHeavy, consumeLight, mutateRollout, recoverRollout, restoreRollout } from "../index.ts";
import { mutateWith } from "../mutate/mutate-rollout.ts";
import { CodexThread } from "../testing/codex-thread.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { sidecarPath } from "../testing/sidecar-path.ts";
import { restoreWith } from "./restore-rollout.ts";

const NAME = "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl";
const calls = sampleCalls(6, 3_000);
const ids = calls.map(({ callId }) => callId);
const original = Buffer.from(sampleRollout(calls, 300));

async function homeWithRollout(content: Uint8Array | string = original) {
  const folder = await temporaryFolder();
  const codexHome = join(folder.path, "home");
  const path = join(codexHome, "sessions", "2026", "01", "02", NAME);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  const undoFolder = join(folder.path, "undo");
  const kept = () => readdir(undoFolder).catch(() => []);
  return {
    codexHome,
    path,
    undoFolder,
    kept,
    options: { undoFolder },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("consumed values", () => {
  it("are restored in place and byte for byte, and the lines that codex has appended since stay", async () => {
    await using home = await homeWithRollout();
    const before = await stat(home.path);
    await mutateRollout(home.path, [consumeLight("call_0"), consumeHeavy("call_3")], home.options);
    await mutateRollout(home.path, ids.map(consumeHeavy), home.options);
    expect((await readFile(home.path)).includes("secret")).toBe(false);
    const appended = '{"type":"event_msg","payload":{"type":"agent_message","message":"go on"}}\n';
    await appendFile(home.path, appended);

    const dry = await restoreRollout(home.path, { ...home.options, dryRun: true });
    expect(dry).toEqual({ mode: "unchanged", restored: expect.arrayContaining(ids), skipped: [], dryRun: true });
    expect((await readFile(home.path)).includes("secret")).toBe(false);

    const report = await restoreRollout(home.path, home.options);
    expect(report).toEqual({ mode: "in-place", restored: expect.arrayContaining(ids), skipped: [], dryRun: false });
    expect(report.restored).toHaveLength(ids.length);
    expect(await readFile(home.path, "utf8")).toBe(original + appended);
    expect((await stat(home.path)).ino).toBe(before.ino);
    expect(await home.kept()).toEqual([]);
    expect(await restoreRollout(home.path, home.options)).toMatchObject({ mode: "unchanged", restored: [] });
  });

  it("are restored after any mutations, in any order, of any text", async () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const mutation = fc.array(
      fc.oneof(
        fc.constantFrom(...ids).map(consumeLight),
        fc.constantFrom(...ids).map(consumeHeavy),
        fc.record({ callId: fc.constantFrom(...ids), output: text, arguments: text }),
      ),
      { minLength: 1, maxLength: 4 },
    );
    const outputs = fc.array(fc.string({ unit: "binary", maxLength: 300 }), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(outputs, fc.array(mutation, { maxLength: 5 }), async (texts, mutations: CallEdit[][]) => {
        const content = sampleRollout(texts.map((output, index) => ({ callId: `call_${index}`, output })));
        await using home = await homeWithRollout(content);
        for (const edits of mutations) await mutateRollout(home.path, edits, home.options);
        expect((await restoreRollout(home.path, home.options)).skipped).toEqual([]);
        expect(await readFile(home.path, "utf8")).toBe(content);
        expect(await home.kept()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("are restored if the rollout was archived or compressed since, but not in its copy in another home", async () => {
    await using home = await homeWithRollout();
    const copy = `${home.codexHome}-copy`;
    await cp(home.codexHome, copy, { recursive: true });
    const inCopy = join(copy, "sessions", "2026", "01", "02", NAME);
    await mutateRollout(home.path, ids.map(consumeLight), home.options);
    expect(await restoreRollout(inCopy, home.options)).toMatchObject({ restored: [] });
    expect(await home.kept()).toHaveLength(1);
    const archived = join(home.codexHome, "archived_sessions", `${NAME}.zst`);
    await mkdir(dirname(archived));
    await writeFile(archived, zstdCompressSync(await readFile(home.path)));
    await rm(home.path);
    expect(await restoreRollout(archived, home.options)).toMatchObject({ mode: "in-place", skipped: [] });
    expect((await readFile(archived.slice(0, -4))).equals(original)).toBe(true);
  });

  it("are not restored if something else has changed the line since, and stay saved", async () => {
    await using home = await homeWithRollout();
    await mutateRollout(home.path, ids.map(consumeLight), home.options);
    await mutateRollout(home.path, [{ callId: "call_2", output: "by another program" }]);
    // The saved values of the others are deleted.
    for (const restored of [ids.filter((id) => id !== "call_2"), []]) {
      const report = await restoreRollout(home.path, home.options);
      expect(report.restored).toEqual(restored);
      expect(report.skipped).toMatchObject([{ callId: "call_2", reason: "changed_since" }]);
      expect(await home.kept()).toHaveLength(1);
    }
    const text = await readFile(home.path, "utf8");
    expect(text.match(/by another program/g)).toHaveLength(1);
    expect(text.split("\n").filter((line) => line.includes("secret"))).toHaveLength(5);
  });

  it("are not replaced by a text longer than the line, since a new file could not be restored", async () => {
    await using home = await homeWithRollout(
      sampleRollout([{ callId: "call_0", output: "short" }, ...sampleCalls(2).slice(1)]),
    );
    const before = await readFile(home.path, "utf8");
    expect(
      await mutateRollout(home.path, [consumeHeavy("call_0"), consumeLight("call_1")], home.options),
    ).toMatchObject({
      mode: "in-place",
      touched: ["call_1"],
      skipped: [{ callId: "call_0", reason: "has_to_grow" }],
    });
    await restoreRollout(home.path, home.options);
    expect(await readFile(home.path, "utf8")).toBe(before);
  });
});

describe("a process that is killed at any operation", () => {
  it("of a mutation leaves a file that can be restored", async () => {
    for (let at = 1, isOver = false; !isOver; at++) {
      await using home = await homeWithRollout();
      isOver = await isCompleted(mutateWith(faultyFiles(at), home.path, ids.map(consumeHeavy), home.options));
      await dieFor(sidecarPath(home.path, "lock"));
      await recoverRollout(home.path);
      const isMutated = !(await readFile(home.path)).includes("secret");
      const report = await restoreRollout(home.path, home.options);
      expect(report.mode, `operation ${at}`).toBe(isMutated ? "in-place" : "unchanged");
      expect((await readFile(home.path)).equals(original), `operation ${at}`).toBe(true);
      expect((await home.kept()).filter((name) => !name.endsWith(".new"))).toEqual([]);
      expect(at).toBeLessThan(200);
    }
  });

  it("of a restore has restored all or nothing, and the next restore finishes it", async () => {
    const outcomes = new Set<string>();
    for (let at = 1, isOver = false; !isOver; at++) {
      await using home = await homeWithRollout();
      await mutateRollout(home.path, ids.map(consumeLight), home.options);
      await mutateRollout(home.path, ids.map(consumeHeavy), home.options);
      const mutated = await readFile(home.path);
      isOver = await isCompleted(restoreWith(faultyFiles(at), home.path, home.options));
      await dieFor(sidecarPath(home.path, "lock"));
      outcomes.add(await recoverRollout(home.path));
      const content = await readFile(home.path);
      expect(content.equals(mutated) || content.equals(original), `operation ${at}`).toBe(true);
      expect((await restoreRollout(home.path, home.options)).skipped).toEqual([]);
      expect((await readFile(home.path)).equals(original), `operation ${at}, restored again`).toBe(true);
      expect(await home.kept()).toEqual([]);
      expect(at).toBeLessThan(200);
    }
    expect(outcomes).toEqual(new Set(["clean", "dropped", "replayed"]));
  });

  it("of a restore of some of the calls keeps the saved values of the others", async () => {
    for (let at = 1, isOver = false; !isOver; at++) {
      await using home = await homeWithRollout();
      await mutateRollout(home.path, ids.map(consumeLight), home.options);
      const consumed = await readFile(home.path);
      await mutateRollout(home.path, [{ callId: "call_2", output: "by a user" }]);
      isOver = await isCompleted(restoreWith(faultyFiles(at), home.path, home.options));
      await dieFor(sidecarPath(home.path, "lock"));
      await recoverRollout(home.path);
      expect((await restoreRollout(home.path, home.options)).skipped).toMatchObject([{ callId: "call_2" }]);
      // As if the other program had undone its change.
      const line =
        consumed
          .toString()
          .split("\n")
          .find((text) => text.includes('"call_2","output"')) ?? "";
      const offset = consumed.indexOf(line);
      const content = await readFile(home.path);
      content.write(line, offset);
      await writeFile(home.path, content);
      expect(await restoreRollout(home.path, home.options)).toMatchObject({ restored: ["call_2"], skipped: [] });
      expect((await readFile(home.path)).equals(original), `operation ${at}`).toBe(true);
      expect((await home.kept()).filter((name) => !name.endsWith(".new"))).toEqual([]);
      expect(at).toBeLessThan(200);
    }
  });
});

describe("saved values", () => {
  const recordOf = (time: number) => `undo-0123456789abcdef-${String(time).padStart(13, "0")}-01234567.jsonl`;

  it("are readable only by their user", async () => {
    await using home = await homeWithRollout();
    await mutateRollout(home.path, ids.map(consumeLight), home.options);
    const [name = ""] = await home.kept();
    expect((await stat(join(home.undoFolder, name))).mode & 0o777).toBe(0o600);
    expect((await stat(home.undoFolder)).mode & 0o777).toBe(0o700);
  });

  it("are removed after 30 days, and the oldest if there are more than 100 MB; other files stay", async () => {
    await using home = await homeWithRollout();
    await mkdir(home.undoFolder);
    const day = 24 * 60 * 60 * 1000;
    const now = Date.now();
    for (const [days, bytes] of [
      [31, 10],
      [29, 10],
      [3, 61e6],
      [2, 39e6],
      [1, 10],
    ] as const) {
      const path = join(home.undoFolder, recordOf(now - days * day));
      await writeFile(path, "");
      await truncate(path, bytes);
    }
    await writeFile(join(home.undoFolder, "notes"), "mine");
    const abandoned = join(home.undoFolder, `${recordOf(now - day)}.new`);
    await writeFile(abandoned, "half");
    await mutateRollout(home.path, ids.map(consumeLight), home.options);
    const names = await home.kept();
    expect(names).toHaveLength(4);
    expect(names).toEqual(expect.arrayContaining(["notes", recordOf(now - day), recordOf(now - 2 * day)]));
  });

  it("never exceed 100 MB: a mutation with more is refused, and nothing is written", async () => {
    const big = [1, 2, 3].map((index) => ({ callId: `big_${index}`, output: "x".repeat(40e6) }));
    await using home = await homeWithRollout(sampleRollout(big));
    const { mtimeNs } = await stat(home.path, { bigint: true });
    const edits = big.map(({ callId }) => consumeLight(callId));
    await expect(mutateRollout(home.path, edits, home.options)).rejects.toMatchObject({
      code: "no_space",
      message: expect.stringContaining("100 MB"),
    });
    expect((await stat(home.path, { bigint: true })).mtimeNs).toBe(mtimeNs);
    expect(await home.kept()).toEqual([]);
  });

  it("may be damaged, or a pipe: there is a warning, and the rest is restored", async () => {
    await using home = await homeWithRollout();
    await mutateRollout(home.path, [consumeLight("call_0")], home.options);
    await mutateRollout(home.path, [consumeLight("call_1")], home.options);
    const [first = "", second = ""] = (await home.kept()).sort();
    const later = (name: string, by: number) => name.replace(/\d{13}/, (time) => String(Number(time) + by));
    const path = join(home.undoFolder, second);
    await rename(path, join(home.undoFolder, later(second, 10)));
    execFileSync("mkfifo", [path]);
    await writeFile(join(home.undoFolder, later(second, 20)), '{"version":1,"file":"other","lines":0}\n');
    await writeFile(
      join(home.undoFolder, later(second, 30)),
      (await readFile(join(home.undoFolder, first))).subarray(0, 500),
    );
    const warnings: string[] = [];
    const onWarning = (message: string) => void warnings.push(message);
    expect(await restoreRollout(home.path, { ...home.options, onWarning })).toMatchObject({
      mode: "in-place",
      skipped: [],
    });
    expect((await readFile(home.path)).equals(original)).toBe(true);
    expect(warnings).toHaveLength(3);
  });

  it("that were never in the file are not written", async () => {
    await using home = await homeWithRollout();
    await mutateRollout(home.path, [consumeLight("call_0")], home.options);
    const [name = ""] = await home.kept();
    const path = join(home.undoFolder, name);
    await writeFile(path, (await readFile(path, "utf8")).replace("secret secret", "forged forged"));
    const before = await readFile(home.path);
    expect(await restoreRollout(home.path, home.options)).toMatchObject({
      mode: "unchanged",
      skipped: [{ callId: "call_0", reason: "changed_since" }],
    });
    expect((await readFile(home.path)).equals(before)).toBe(true);
  });
});

it("does not restore lines that a fork now shows", async () => {
  await using home = await homeWithRollout();
  await mutateRollout(home.path, ids.map(consumeLight), home.options);
  const fork = "01a1fb16-63b2-7533-9ec8-b7aa484b56ae";
  const history_base = {
    thread_id: "019b7c9d-dd0d-7000-8000-000000000000",
    end_ordinal_exclusive: 1,
    end_byte_offset: original.length,
  };
  await writeFile(
    join(dirname(home.path), `rollout-2026-01-03T03-04-05-${fork}.jsonl`),
    `${JSON.stringify({ type: "session_meta", payload: { id: fork, history_base } })}\n`,
  );
  const report = await restoreRollout(home.path, home.options);
  expect(new Set(report.skipped.map(({ reason }) => reason))).toEqual(new Set(["other_thread"]));
  expect(await restoreRollout(home.path, { ...home.options, allowOtherThreads: true })).toMatchObject({ skipped: [] });
  expect((await readFile(home.path)).equals(original)).toBe(true);
});

it.each(testedCodexes())(
  "the model of codex $version sees the markers, and after a restore the results again",
  async (codex) => {
    await using thread = await CodexThread.create({ codex });
    const some = ["call_1", "call_2"];
    await thread.turn([
      answer(some.map((callId) => shell(`printf %0500d ${callId.slice(-1)}`, { callId }))),
      say("done"),
    ]);
    const path = await thread.rollout();
    const before = await readFile(path);
    await thread.turn([say("one")]);
    const intact = some.flatMap((id) => thread.model.lastRequest.outputsOf(id));
    const undoFolder = join(thread.home.path, "undo");
    await mutateRollout(path, [consumeLight("call_1"), consumeHeavy("call_2")], { undoFolder });
    await thread.turn([say("two")]);
    expect(some.flatMap((id) => thread.model.lastRequest.outputsOf(id))).toEqual(["...(consumed)", "...(tool called)"]);
    const report = await restoreRollout(path, { undoFolder });
    expect(report).toMatchObject({ mode: "in-place", skipped: [] });
    expect(report.restored.toSorted()).toEqual(some);
    expect((await readFile(path)).subarray(0, before.length).equals(before)).toBe(true);
    await thread.turn([say("three")]);
    expect(some.flatMap((id) => thread.model.lastRequest.outputsOf(id))).toEqual(intact);
    expect(intact.join()).toContain("0000000");
  },
);
