import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Files, nodeFiles } from "../files.ts";
import { JsonlEditError, lockJsonl } from "../index.ts";
import { acquireLock as acquire } from "../lock/lock-file.ts";
import { ownIdentity } from "../lock/process-identity.ts";
import { editResults, sampleResults, sampleSession } from "../testing/sample-session.ts";

const results = sampleResults(20, 6_000);
const ids = results.map(({ id }) => id);
const wait = { waitMs: 0 };
const acquireLock = (files: Files, path: string, options: { waitMs: number; signal?: AbortSignal }) =>
  acquire(files, path, { ...options, warn: () => {} });

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

async function session(name: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, sampleSession(results, 2_000));
  return path;
}

function start(script: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../testing/${script}.ts`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { child, ready: once(child.stdout, "data"), ended: once(child, "exit").then(([code]) => code as number) };
}

describe("a program that appends during edits", () => {
  const LINES = 20_000;

  it("loses no line of 20,000 during 200 edits", { timeout: 120_000 }, async () => {
    const path = await session("appended.jsonl");
    const before = (await readFile(path)).length;
    const appender = start("appending-child", path, String(LINES));
    await appender.ready;
    for (let turn = 0; turn < 200; turn++) {
      const result = turn % 2 === 0 ? "...(consumed)" : "...(tool called)";
      const report = await editResults(
        path,
        ids.map((id) => ({ id, result })),
      );
      expect(report).toMatchObject({ mode: "in-place", edited: ids });
    }
    expect(await appender.ended).toBe(0);
    const lines = (await readFile(path)).toString().trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toHaveLength(ids.length * 3 + LINES);
    const appended = (await readFile(path)).subarray(before).toString().trimEnd().split("\n");
    expect(appended.map((line) => JSON.parse(line).text.split(" ")[1])).toEqual(
      Array.from({ length: LINES }, (_, number) => String(number)),
    );
  });
});

describe("two editors at once", () => {
  it("in two processes both complete their edits", async () => {
    const path = await session("two.jsonl");
    const half = ids.length / 2;
    const first = start("editing-child", path, ids.slice(0, half).join(","), "31", "odd", "even");
    const second = start("editing-child", path, ids.slice(half).join(","), "30", "odd", "even");
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
    const lines = (await readFile(path, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const now = lines.flatMap(({ kind, id, result, display }) => (kind === "result" ? [[id, result, display]] : []));
    const text = (index: number) => (index < half ? "odd" : "even");
    expect(now).toEqual(ids.map((id, index) => [id, text(index), text(index)]));
    expect((await readdir(folder.path)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("the second fails as busy if the first does not end in time", async () => {
    const path = await session("busy.jsonl");
    await using _locked = await lockJsonl(path);
    const edit = [{ id: "id_1", result: "x" }];
    const error = await editResults(path, edit, wait).catch((caught: unknown) => caught);
    expect(JsonlEditError.isInstance(error) && error.code).toBe("busy");
    await expect(editResults(path, edit, { signal: AbortSignal.timeout(20) })).rejects.toThrow("aborted");
  });
});

describe("a leftover lock", () => {
  const leave = async (name: string, holder: object, age = 0) => {
    const path = join(folder.path, name);
    await writeFile(path, JSON.stringify({ ...ownIdentity(), nonce: "0123-4567", ...holder }));
    const then = new Date(Date.now() - age);
    await utimes(path, then, then);
    return path;
  };

  it.each([
    ["of a process that has ended", { pid: 2 ** 22 + 1 }],
    ["of a process whose id now belongs to another process", { started: "1" }],
    ["from before the machine was restarted", { boot: "another" }],
  ])("%s is taken over", async (_whose, holder) => {
    const path = await leave("gone.lock", holder);
    await using _lock = await acquireLock(nodeFiles, path, wait);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("of a zombie process is taken over", async () => {
    // The child ends once its parent is `sleep`: the shell could reap it, but `sleep` does not.
    const child = `until [ "$(cat /proc/$PPID/comm || echo sleep)" = sleep ]; do :; done`;
    const parent = spawn("sh", ["-c", `sh -c '${child}' & echo $!; exec sleep 60`], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void parent.kill());
    const pid = Number(String((await once(parent.stdout, "data"))[0]));
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const path = await leave("zombie.lock", { pid, started: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] });
    await expect.poll(() => readFile(`/proc/${pid}/stat`, "latin1"), { timeout: 20_000 }).toContain(") Z ");
    await using _lock = await acquireLock(nodeFiles, path, wait);
  });

  it("of another machine or container, or without a start time, counts as held while it is touched", async () => {
    for (const holder of [{ host: "elsewhere" }, { namespace: "pid:[1]" }, { started: "" }]) {
      const path = await leave("far.lock", holder);
      await expect(acquireLock(nodeFiles, path, wait)).rejects.toThrow("is editing this file");
      await leave("far.lock", holder, 120_000);
      await using _lock = await acquireLock(nodeFiles, path, wait);
    }
  });

  it("is not left on a full disk", async () => {
    const path = join(folder.path, "full.lock");
    const full = {
      ...nodeFiles,
      writeSmall: async (draft: string) => {
        await writeFile(draft, "");
        throw Object.assign(new Error("full"), { code: "ENOSPC" });
      },
    };
    await expect(acquireLock(full, path, wait)).rejects.toThrow("full");
    expect((await readdir(folder.path)).filter((name) => name.startsWith("full"))).toEqual([]);
  });

  it("is acquired at once if it is released during the check", async () => {
    const path = join(folder.path, "given.lock");
    const other = await acquireLock(nodeFiles, path, wait);
    const files = {
      ...nodeFiles,
      readSmall: async (...args: Parameters<typeof nodeFiles.readSmall>) => {
        await other[Symbol.asyncDispose]();
        return nodeFiles.readSmall(...args);
      },
    };
    await using _lock = await acquireLock(files, path, wait);
  });

  it("is taken over by only one of many processes at a time", async () => {
    for (let round = 0; round < 20; round++) {
      const path = await leave("many.lock", { pid: 2 ** 22 + 1, nonce: `0123-${round}` });
      let holders = 0;
      const take = async () => {
        await using _lock = await acquireLock(nodeFiles, path, { waitMs: 20_000 });
        expect(++holders).toBe(1);
        await delay(1);
        holders--;
      };
      await Promise.all(Array.from({ length: 8 }, take));
    }
    expect((await readdir(folder.path)).filter((name) => name.startsWith("many"))).toEqual([]);
  });
});
