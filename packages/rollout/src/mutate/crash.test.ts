import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dieFor } from "../../../jsonl-edit/src/testing/die-for.ts";
import { faultyFiles, isCompleted } from "../../../jsonl-edit/src/testing/faulty-files.ts";
import { consumeHeavy, type MutationReport, mutateRollout, RolloutError, recoverRollout } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { sidecarPath } from "../testing/sidecar-path.ts";
import { mutateWith } from "./mutate-rollout.ts";

const calls = sampleCalls(6, 3_000);
const old = Buffer.from(sampleRollout(calls, 300));
const inPlace = calls.map((call) => consumeHeavy(call.callId));
const growing = [{ callId: "call_2", output: "longer ".repeat(2_000) }, consumeHeavy("call_4")];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
const fresh = async () => {
  const path = join(folder.path, `case-${count++}`, "rollout.jsonl");
  await cp(await seed(), path);
  return path;
};
const seed = async () => {
  const path = join(folder.path, "seed");
  await writeFile(path, old);
  return path;
};

describe.each([
  ["in place", inPlace, "in-place"],
  ["with a line that grows", growing, "rewritten"],
])("a mutation %s", (_name, edits, mode) => {
  it("is complete or absent, whichever operation is the last", async () => {
    const done = await fresh();
    expect(await mutateRollout(done, edits)).toMatchObject({ mode });
    const after = await readFile(done);
    const outcomes = new Set<string>();
    for (let at = 1, isOver = false; !isOver; at++) {
      const path = await fresh();
      const files = faultyFiles(at);
      isOver = await isCompleted(mutateWith(files, path, edits));
      await dieFor(sidecarPath(path, "lock"));
      outcomes.add(await recoverRollout(path));
      expect((await readdir(dirname(path))).filter((name) => /\.(lock|redo|new)$/.test(name))).toEqual([]);
      const content = await readFile(path);
      expect(content.equals(old) || content.equals(after), `operation ${at}`).toBe(true);
      expect(await mutateRollout(path, edits)).toMatchObject({ skipped: [], missing: [] });
      expect((await readFile(path)).equals(after), `operation ${at}, done again`).toBe(true);
      expect((await readdir(dirname(path))).filter((name) => !/draft|-[0-9a-f]{8}-/.test(name))).toEqual([
        "rollout.jsonl",
      ]);
      expect(at).toBeLessThan(200);
    }
    expect(outcomes.has("dropped")).toBe(true);
    expect(outcomes.has("replayed")).toBe(mode === "in-place");
  });

  it.each(["ENOSPC", "EIO", "EROFS"])(
    "is complete or absent, and %s is a typed error, whichever operation fails",
    async (code) => {
      const done = await fresh();
      await mutateRollout(done, edits);
      const after = await readFile(done);
      for (let at = 1, isOver = false; !isOver; at++) {
        const path = await fresh();
        const error = Object.assign(new Error(code), { code });
        const outcome = await mutateWith(faultyFiles(at, error), path, edits).catch((caught: unknown) => caught);
        if (outcome instanceof Error) expect(RolloutError.isInstance(outcome), `${at}: ${outcome.stack}`).toBe(true);
        else isOver = (outcome as MutationReport).mode === mode && at > 20;
        await dieFor(sidecarPath(path, "lock"));
        await recoverRollout(path);
        const content = await readFile(path);
        expect(content.equals(old) || content.equals(after), `operation ${at}`).toBe(true);
        expect(at).toBeLessThan(200);
      }
    },
  );
});

describe("recovery", () => {
  it("finds leftovers where the rollout was before codex archived it", async () => {
    const name = "rollout-2026-01-02T03-04-05-019b7c9d-dd0d-7000-8000-000000000000.jsonl";
    for (let at = 1, isTorn = false; !isTorn && at < 200; at++) {
      const home = join(folder.path, `archived-${at}`);
      const path = join(home, "sessions", "2026", "01", "02", name);
      await cp(await seed(), path);
      await mutateWith(faultyFiles(at), path, inPlace).catch(() => {});
      isTorn = !(await readFile(path)).equals(old);
      await mkdir(join(home, "archived_sessions"));
      await rename(path, join(home, "archived_sessions", name));
      expect(await recoverRollout(path)).toBe("clean");
      const recovery = await recoverRollout(join(home, "archived_sessions", name));
      if (isTorn) expect(recovery).toBe("replayed");
      const content = await readFile(join(home, "archived_sessions", name));
      expect(content.includes("secret")).toBe(recovery !== "replayed");
    }
  });
});

describe("a compressed rollout", () => {
  it("is unchanged, or plain and mutated, after a crash at any operation", async () => {
    for (let at = 1, isOver = false; !isOver && at < 200; at++) {
      const plain = join(folder.path, `packed-${at}`, "rollout.jsonl");
      await cp(await seed(), plain);
      await writeFile(`${plain}.zst`, zstdCompressSync(old));
      await rm(plain);
      isOver = await mutateWith(faultyFiles(at), `${plain}.zst`, inPlace).then(
        () => true,
        () => false,
      );
      await dieFor(sidecarPath(plain, "lock"));
      expect(await mutateRollout(`${plain}.zst`, inPlace), `operation ${at}`).toMatchObject({
        skipped: [],
        missing: [],
      });
      const content = await readFile(plain);
      expect(content.length).toBe(old.length);
      expect(content.includes("secret")).toBe(false);
    }
  });
});

describe("a compressed rollout that codex unpacks concurrently", () => {
  it("keeps what codex wrote to it", async () => {
    const plain = await fresh();
    const packed = `${plain}.zst`;
    await writeFile(packed, zstdCompressSync(old));
    await rm(plain);
    const codexs = Buffer.concat([old, Buffer.from("a line of the turn that runs\n")]);
    const files = {
      ...nodeFiles,
      // The compressed file was checked for the last time before this call.
      copyOwner: async (...args: Parameters<typeof nodeFiles.copyOwner>) => {
        await writeFile(plain, codexs);
        return nodeFiles.copyOwner(...args);
      },
    };
    await expect(mutateWith(files, packed, inPlace)).rejects.toMatchObject({ code: "replaced", path: plain });
    expect((await readFile(plain)).equals(codexs)).toBe(true);
    await rm(packed);
    expect(await readdir(dirname(plain))).toEqual([basename(plain)]);
  });

  it("is mutated as a plain file if it has become one before the lock is acquired", async () => {
    const plain = await fresh();
    const packed = `${plain}.zst`;
    await writeFile(packed, zstdCompressSync(old));
    await rm(plain);
    expect(await Promise.all([mutateRollout(packed, inPlace), mutateRollout(packed, inPlace)])).toMatchObject([
      { mode: "in-place" },
      { mode: "unchanged", skipped: [] },
    ]);
  });
});
