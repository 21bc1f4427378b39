import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EditReport, JsonlEditError, recoverJsonl } from "../index.ts";
import { type SidecarKind, Sidecars } from "../lock/sidecar.ts";
import { dieFor } from "../testing/die-for.ts";
import { faultyFiles, isCompleted } from "../testing/faulty-files.ts";
import { anyRewrite, editResults, type SampleResult, sampleResults, sampleSession } from "../testing/sample-session.ts";

const edit = (path: string, results: readonly SampleResult[], files?: ReturnType<typeof faultyFiles>) =>
  editResults(path, results, { ...anyRewrite, files });
const sidecar = (path: string, kind: SidecarKind) => new Sidecars(path).path(kind);
const short = (id: string): SampleResult => ({ id, result: "...(consumed)" });

const results = sampleResults(6, 3_000);
const old = Buffer.from(sampleSession(results, 300));
const inPlace = results.map(({ id }) => short(id));
const growing = [{ id: "id_2", result: "longer ".repeat(2_000) }, short("id_4")];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
const fresh = async () => {
  const path = join(folder.path, `case-${count++}`, "session.jsonl");
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
])("an edit %s", (_name, edits, mode) => {
  it("is complete or absent, whichever operation is the last", async () => {
    const done = await fresh();
    expect(await edit(done, edits)).toMatchObject({ mode });
    const after = await readFile(done);
    const outcomes = new Set<string>();
    for (let at = 1, isOver = false; !isOver; at++) {
      const path = await fresh();
      const files = faultyFiles(at);
      isOver = await isCompleted(edit(path, edits, files));
      await dieFor(sidecar(path, "lock"));
      outcomes.add(await recoverJsonl(path));
      const content = await readFile(path);
      expect(content.equals(old) || content.equals(after), `operation ${at}`).toBe(true);
      expect(await edit(path, edits)).toMatchObject({ skipped: [], missing: [] });
      expect((await readFile(path)).equals(after), `operation ${at}, done again`).toBe(true);
      expect((await readdir(dirname(path))).filter((name) => !/draft|-[0-9a-f]{8}-/.test(name))).toEqual([
        "session.jsonl",
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
      await edit(done, edits);
      const after = await readFile(done);
      for (let at = 1, isOver = false; !isOver; at++) {
        const path = await fresh();
        const error = Object.assign(new Error(code), { code });
        const outcome = await edit(path, edits, faultyFiles(at, error)).catch((caught: unknown) => caught);
        if (outcome instanceof Error) expect(JsonlEditError.isInstance(outcome), `${at}: ${outcome.stack}`).toBe(true);
        else isOver = (outcome as EditReport<string>).mode === mode && at > 20;
        await dieFor(sidecar(path, "lock"));
        await recoverJsonl(path);
        const content = await readFile(path);
        expect(content.equals(old) || content.equals(after), `operation ${at}`).toBe(true);
        expect(at).toBeLessThan(200);
      }
    },
  );
});

describe("recovery", () => {
  /** Runs an edit that crashes when its journal is complete and the file half written. */
  const crashed = async () => {
    for (let at = 1; at < 200; at++) {
      const path = await fresh();
      await edit(path, inPlace, faultyFiles(at)).catch(() => {});
      await dieFor(sidecar(path, "lock"));
      if (!(await readFile(path)).equals(old)) return path;
    }
    throw new Error("no crash left the file half written");
  };

  it("can itself be interrupted anywhere", async () => {
    const done = await fresh();
    await edit(done, inPlace);
    const after = await readFile(done);
    for (let at = 1, isOver = false; !isOver && at < 100; at++) {
      const path = await crashed();
      isOver = await recoverJsonl(path, { files: faultyFiles(at) }).then(
        () => true,
        () => false,
      );
      await dieFor(sidecar(path, "lock"));
      await recoverJsonl(path);
      expect((await readFile(path)).equals(after), `operation ${at}`).toBe(true);
    }
  });

  it("keeps what was appended in the meantime", async () => {
    const path = await crashed();
    await writeFile(path, "appended\n", { flag: "a" });
    expect(await recoverJsonl(path)).toBe("replayed");
    expect((await readFile(path, "utf8")).endsWith("\nappended\n")).toBe(true);
  });

  it("writes nothing to a file that has been replaced", async () => {
    const path = await crashed();
    const other = Buffer.from(sampleSession(sampleResults(6, 2_999), 300));
    await writeFile(path, other);
    expect(await recoverJsonl(path)).toBe("dropped");
    expect((await readFile(path)).equals(other)).toBe(true);
    expect(await recoverJsonl(path)).toBe("clean");
  });

  it("writes nothing where the old text was changed by someone else", async () => {
    const path = await crashed();
    const changed = Buffer.from(old);
    changed.write("S", changed.indexOf("secret"));
    await writeFile(path, changed);
    expect(await recoverJsonl(path)).toBe("dropped");
    expect((await readFile(path)).equals(changed)).toBe(true);
  });

  it("finds leftovers where the file was before it was moved", async () => {
    for (let at = 1, isTorn = false; !isTorn && at < 200; at++) {
      const path = join(folder.path, `moved-${at}`, "here", "session.jsonl");
      const moved = join(folder.path, `moved-${at}`, "there", "session.jsonl");
      await cp(await seed(), path);
      await edit(path, inPlace, faultyFiles(at)).catch(() => {});
      await dieFor(sidecar(path, "lock"));
      isTorn = !(await readFile(path)).equals(old);
      await mkdir(dirname(moved));
      await rename(path, moved);
      expect(await recoverJsonl(path)).toBe("clean");
      const recovery = await recoverJsonl(moved, { formerFolders: [dirname(path)] });
      if (isTorn) expect(recovery).toBe("replayed");
      expect((await readFile(moved)).includes("secret")).toBe(recovery !== "replayed");
    }
  });

  it("drops a journal that would write outside its lines, or has lines outside the file", async () => {
    const path = await crashed();
    const journal = await readFile(sidecar(path, "redo"), "utf8");
    const body = journal.slice(0, journal.lastIndexOf("\n"));
    const before = await readFile(path);
    const [line] = JSON.parse(body).lines;
    const [patch] = line.patches;
    const forged = [
      { ...line, length: 2 ** 50 },
      { ...line, offset: before.length },
      { ...line, patches: [{ ...patch, offset: line.offset + line.length }] },
      { ...line, patches: [{ ...patch, offset: 0 }] },
      { ...line, patches: [patch, patch] },
    ];
    for (const one of forged) {
      const text = `${JSON.stringify({ ...JSON.parse(body), lines: [one] })}\n`;
      const sum = createHash("sha256").update(text).digest("hex").slice(0, 32);
      await writeFile(sidecar(path, "redo"), text + sum);
      expect(await recoverJsonl(path)).toBe("dropped");
      expect((await readFile(path)).equals(before)).toBe(true);
    }
  });

  it("drops a torn journal", async () => {
    const path = await crashed();
    const journal = await readFile(sidecar(path, "redo"));
    await writeFile(path, old);
    for (const length of [0, 1, journal.length - 1, journal.length >> 1]) {
      await writeFile(sidecar(path, "redo"), journal.subarray(0, length));
      expect(await recoverJsonl(path)).toBe("dropped");
      expect((await readFile(path)).equals(old)).toBe(true);
    }
  });
});

describe("SIGKILL", () => {
  const child = fileURLToPath(new URL("../testing/editing-child.ts", import.meta.url));
  const KILLS = 300;

  it(`leaves the old or the new file, ${KILLS} times at random`, { timeout: 120_000 }, async () => {
    const ids = results.map(({ id }) => id);
    const states: Buffer[] = [old];
    const scratch = await fresh();
    for (const result of ["...(consumed)", "...(tool called)", "...(consumed)"]) {
      await edit(
        scratch,
        ids.map((id) => ({ id, result })),
      );
      states.push(await readFile(scratch));
    }
    // A killed process does not save its compiled code for the next one. This one does, so the next ones start twice as fast.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder.path, "compiled") };
    spawnSync(process.execPath, [child, scratch, "none", "1"], { env });
    const recoveries = { clean: 0, replayed: 0, dropped: 0 };
    const worker = async (kills: number) => {
      const path = await fresh();
      for (let kill = 0; kill < kills; kill++) {
        const running: ChildProcess = spawn(process.execPath, [child, path, ids.join(",")], {
          stdio: ["ignore", "pipe", "inherit"],
          env,
        });
        const ended = once(running, "exit");
        if (running.stdout) await once(running.stdout, "data");
        await delay(Math.random() * 25);
        running.kill("SIGKILL");
        await ended;
        recoveries[await recoverJsonl(path)]++;
        const content = await readFile(path);
        expect(states.some((state) => state.equals(content))).toBe(true);
      }
    };
    await Promise.all([worker(KILLS / 2), worker(KILLS / 2)]);
    // Some kills hit an edit.
    expect(recoveries.replayed + recoveries.dropped).toBeGreaterThan(0);
  });
});
