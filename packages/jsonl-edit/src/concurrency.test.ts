import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { nodeFiles } from "./files.ts";
import { consumeHeavy, consumeLight, mutateRollout, RolloutError, readRollout } from "./index.ts";
import { acquireLock } from "./mutation-lock.ts";
import { ownIdentity } from "./process-identity.ts";
import { sidecar } from "./sidecar.ts";
import { sampleCalls, sampleRollout } from "./testing/sample-rollout.ts";
import { temporaryFolder } from "./testing/temporary-folder.ts";

const calls = sampleCalls(20, 6_000);
const ids = calls.map((call) => call.callId);
const wait = { waitMs: 0 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

async function rollout(name: string): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, sampleRollout(calls, 2_000));
  return path;
}

function start(script: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`testing/${script}.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return { child, ready: once(child.stdout, "data"), ended: once(child, "exit").then(([code]) => code as number) };
}

describe("a codex that appends meanwhile", () => {
  const LINES = 20_000;

  it("loses no line of 20,000 during 200 mutations, and none is read torn", { timeout: 120_000 }, async () => {
    const path = await rollout("appended.jsonl");
    const before = (await readFile(path)).length;
    const appender = start("appending-child", path, String(LINES));
    await appender.ready;
    let isOver = false;
    const reader = (async () => {
      let passes = 0;
      for (; !isOver || passes === 0; passes++) {
        await delay(100);
        for await (const entry of readRollout(path))
          if (entry.kind === "damaged") expect(entry.reason, `line at ${entry.offset}`).toBe("torn");
      }
      return passes;
    })();
    for (let turn = 0; turn < 200; turn++) {
      const report = await mutateRollout(path, ids.map(turn % 2 === 0 ? consumeLight : consumeHeavy));
      expect(report).toMatchObject({ mode: "in-place", touched: ids });
    }
    expect(await appender.ended).toBe(0);
    isOver = true;
    expect(await reader).toBeGreaterThan(0);
    const appended = (await readFile(path)).subarray(before).toString().trimEnd().split("\n");
    expect(appended.map((line) => JSON.parse(line).payload.message.split(" ")[1])).toEqual(
      Array.from({ length: LINES }, (_, number) => String(number)),
    );
  });
});

describe("two mutators at once", () => {
  it("both have their edits in, from two processes", async () => {
    const path = await rollout("two.jsonl");
    const half = ids.length / 2;
    const first = start("mutating-child", path, ids.slice(0, half).join(","), "31", "odd", "even");
    const second = start("mutating-child", path, ids.slice(half).join(","), "30", "odd", "even");
    expect(await Promise.all([first.ended, second.ended])).toEqual([0, 0]);
    const outputs = new Map<string, unknown>();
    for await (const entry of readRollout(path)) {
      expect(entry.kind).toBe("line");
      if (entry.kind === "line" && entry.line.type === "response_item" && entry.line.payload.output !== undefined)
        outputs.set(entry.line.payload.call_id ?? "", entry.line.payload.output);
    }
    expect([...outputs]).toEqual(ids.map((id, index) => [id, index < half ? "odd" : "even"]));
    expect((await readdir(folder.path)).filter((name) => name.startsWith(".plexum"))).toEqual([]);
  });

  it("one is told busy if the other does not end in time", async () => {
    const path = await rollout("busy.jsonl");
    await using _lock = await acquireLock(nodeFiles, sidecar(path, "lock"), wait);
    const error = await mutateRollout(path, [consumeLight("call_1")], wait).catch((caught: unknown) => caught);
    expect(RolloutError.isInstance(error) && error.code).toBe("busy");
    const aborted = mutateRollout(path, [consumeLight("call_1")], { signal: AbortSignal.timeout(20) });
    await expect(aborted).rejects.toThrow("aborted");
  });
});

describe("a lock that was left behind", () => {
  const leave = async (name: string, holder: object, age = 0) => {
    const path = join(folder.path, name);
    await writeFile(path, JSON.stringify({ ...ownIdentity(), nonce: `nonce-of-${name}`, ...holder }));
    const then = new Date(Date.now() - age);
    await utimes(path, then, then);
    return path;
  };

  it.each([
    ["of a process that is gone", { pid: 2 ** 22 + 1 }],
    ["of a process whose number another has by now", { started: "1" }],
    ["from before the machine was restarted", { boot: "another" }],
  ])("%s is taken over", async (_whose, holder) => {
    const path = await leave("gone.lock", holder);
    await using _lock = await acquireLock(nodeFiles, path, wait);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
  });

  it("of a process that has ended and that nobody has waited for is taken over", async () => {
    const parent = spawn("sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
    onTestFinished(() => void parent.kill());
    const pid = Number(String((await once(parent.stdout, "data"))[0]));
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const path = await leave("zombie.lock", { pid, started: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] });
    await expect.poll(() => readFile(`/proc/${pid}/stat`, "latin1")).toContain(") Z ");
    await using _lock = await acquireLock(nodeFiles, path, wait);
  });

  it("from another machine or container, or of a number without a time, is believed as long as it is touched", async () => {
    for (const holder of [{ host: "elsewhere" }, { namespace: "pid:[1]" }, { started: "" }]) {
      const path = await leave("far.lock", holder);
      await expect(acquireLock(nodeFiles, path, wait)).rejects.toThrow("is changing this rollout");
      await leave("far.lock", holder, 120_000);
      await using _lock = await acquireLock(nodeFiles, path, wait);
    }
  });

  it("that leads nowhere keeps nobody for ever, nor from its other work", async () => {
    const path = join(folder.path, "dangling.lock");
    await symlink(join(folder.path, "nowhere"), path);
    for (const waitMs of [0, 50]) {
      const error = await acquireLock(nodeFiles, path, { waitMs }).catch((caught: unknown) => caught);
      expect(error).toMatchObject({
        code: "busy",
        message: expect.stringContaining(`the lock ${path} can't be taken`),
      });
    }
    const signal = AbortSignal.timeout(20);
    await expect(acquireLock(nodeFiles, path, { waitMs: 60_000, signal })).rejects.toThrow("aborted");
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

  it("is had at once if it was given back in that moment", async () => {
    const path = join(folder.path, "given.lock");
    const other = await acquireLock(nodeFiles, path, wait);
    const files = {
      ...nodeFiles,
      readSmall: async (name: string) => {
        await other[Symbol.asyncDispose]();
        return nodeFiles.readSmall(name);
      },
    };
    await using _lock = await acquireLock(files, path, wait);
  });

  it("is taken over by one of many", async () => {
    for (let round = 0; round < 20; round++) {
      const path = await leave("many.lock", { pid: 2 ** 22 + 1, nonce: `round-${round}` });
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
