import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { zstdCompressSync } from "node:zlib";
import { nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it } from "vitest";
import { writeJournal } from "../../../jsonl-edit/src/edit/journal.ts";
import { consumeLight, mutateRollout, recoverRollout } from "../index.ts";
import { sampleCalls, sampleRollout } from "../testing/sample-rollout.ts";
import { sidecarPath } from "../testing/sidecar-path.ts";
import { mutateWith } from "./mutate-rollout.ts";

const PARENT = "01a1fb15-63b2-7533-9ec8-b7aa484b56ae";
const FORK = "01a1fb16-63b2-7533-9ec8-b7aa484b56ae";
const DAY = "2026/01/02";
const nameOf = (id: string) => `rollout-2026-01-02T03-04-05-${id}.jsonl`;
const content = sampleRollout(sampleCalls(3));
const light = [consumeLight("call_0")];
const longer = [{ callId: "call_0", output: "longer ".repeat(100) }];

const forkOf = (parent: string, end = content.length) => {
  const history_base = { thread_id: parent, end_ordinal_exclusive: 1, end_byte_offset: end };
  return `${JSON.stringify({ type: "session_meta", payload: { id: FORK, history_base, text: "x".repeat(20_000) } })}\n`;
};

async function homeWithParent() {
  const folder = await temporaryFolder();
  const day = join(folder.path, "home/sessions", DAY);
  await mkdir(day, { recursive: true });
  const path = join(day, nameOf(PARENT));
  await writeFile(path, content);
  const codexHome = join(folder.path, "home");
  return { codexHome, day, path, folder: folder.path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe("a line that a fork shows", () => {
  const expectKept = async (path: string, codexHome?: string) => {
    const before = await readFile(path);
    const options = codexHome === undefined ? {} : { codexHome };
    expect(await mutateRollout(path, light, options)).toMatchObject({ skipped: [{ reason: "other_thread" }] });
    expect(await mutateRollout(path, longer, { ...options, allowOtherThreads: true })).toMatchObject({
      skipped: [{ reason: "shared_history" }],
    });
    expect((await readFile(path)).equals(before)).toBe(true);
  };

  it("is kept", async () => {
    await using home = await homeWithParent();
    await writeFile(join(home.day, nameOf(FORK)), forkOf(PARENT));
    await expectKept(home.path);
    await writeFile(join(home.day, nameOf(FORK)), forkOf(PARENT, 10));
    expect(await mutateRollout(home.path, light)).toMatchObject({ mode: "in-place", skipped: [] });
  });

  it("is kept if the fork is compressed", async () => {
    await using home = await homeWithParent();
    await writeFile(join(home.day, `${nameOf(FORK)}.zst`), zstdCompressSync(forkOf(PARENT)));
    await expectKept(home.path);
  });

  it("is kept if sessions is a link to a folder of another name", async () => {
    await using home = await homeWithParent();
    await writeFile(join(home.day, nameOf(FORK)), forkOf(PARENT));
    const elsewhere = join(home.folder, "data");
    await rename(join(home.codexHome, "sessions"), elsewhere);
    await symlink(elsewhere, join(home.codexHome, "sessions"));
    await expectKept(home.path);
    // The home can't be derived from this path.
    await expectKept(join(elsewhere, DAY, nameOf(PARENT)), home.codexHome);
  });

  it("is kept if the file is reached by a link", async () => {
    await using home = await homeWithParent();
    await writeFile(join(home.day, nameOf(FORK)), forkOf(PARENT));
    await symlink(home.path, join(home.folder, "link.jsonl"));
    await expectKept(join(home.folder, "link.jsonl"));
  });

  it("is kept if the archive is a link, and was not changed since", async () => {
    await using home = await homeWithParent();
    const archive = join(home.folder, "old");
    await mkdir(archive);
    await symlink(archive, join(home.codexHome, "archived_sessions"));
    const path = join(home.codexHome, "archived_sessions", nameOf(PARENT));
    await rename(home.path, path);
    await writeFile(join(archive, nameOf(FORK)), forkOf(PARENT));
    execFileSync("touch", ["-d", "2025-01-01", archive]);
    await expectKept(path);
  });

  it("is kept in the parent of a compressed fork outside of the home", async () => {
    await using home = await homeWithParent();
    const copy = join(home.folder, `${nameOf(FORK)}.zst`);
    await writeFile(copy, zstdCompressSync(forkOf(PARENT)));
    const before = await readFile(home.path);
    expect(await mutateRollout(copy, light, { codexHome: home.codexHome })).toMatchObject({
      mode: "unchanged",
      skipped: [{ reason: "other_thread" }],
    });
    expect((await readFile(home.path)).equals(before)).toBe(true);
  });
});

it("leftovers in the day's folder are found from the archive, also if sessions is a link", async () => {
  await using home = await homeWithParent();
  const elsewhere = join(home.folder, "data");
  await rename(join(home.codexHome, "sessions"), elsewhere);
  await symlink(elsewhere, join(home.codexHome, "sessions"));
  const at = content.indexOf("secret");
  const start = content.lastIndexOf("\n", at) + 1;
  const bytes = Buffer.from(content.slice(start, content.indexOf("\n", at)));
  const patches = [{ offset: at, length: 6, value: "public" }];
  const change = { offset: start, bytes, patches, ids: [], grows: false, bytesFreed: 0 };
  await writeJournal(nodeFiles, sidecarPath(home.path, "redo"), [change], home.path);
  const real = join(home.folder, "kept");
  await mkdir(real);
  await symlink(real, join(home.codexHome, "archived_sessions"));
  const archived = join(home.codexHome, "archived_sessions", nameOf(PARENT));
  await rename(home.path, archived);
  expect(await recoverRollout(archived)).toBe("replayed");
  expect(await readFile(archived, "utf8")).toContain("public");
});

it("a fork is found if codex compresses it during the search", async () => {
  await using home = await homeWithParent();
  const names = [FORK, FORK.replace("01a1fb16", "01a1fb17")].map((id) => join(home.day, nameOf(id)));
  for (const name of names) await writeFile(name, "");
  const files = {
    ...nodeFiles,
    open: async (...args: Parameters<typeof nodeFiles.open>) => {
      const other = names.find((name) => name !== args[0]);
      if (names.includes(args[0]) && other !== undefined) {
        await rm(other, { force: true });
        await writeFile(`${other}.zst`, zstdCompressSync(forkOf(PARENT)));
      }
      return nodeFiles.open(...args);
    },
  };
  expect(await mutateWith(files, home.path, light)).toMatchObject({ skipped: [{ reason: "other_thread" }] });
});

describe("another file of the home", () => {
  it("is skipped if it is not a rollout", async () => {
    await using home = await homeWithParent();
    const at = (n: number) => join(home.day, nameOf(FORK.replace(/^......../, `01a1fb${n}`)));
    await mkdir(at(20));
    execFileSync("mkfifo", [at(21)]);
    await symlink(join(home.folder, "nowhere"), at(22));
    await symlink(at(23), at(23));
    await writeFile(at(24), "no JSON");
    await writeFile(`${at(25)}.zst`, "not compressed");
    await writeFile(`${at(26)}.zst`, zstdCompressSync(forkOf(PARENT)).subarray(0, 10));
    await writeFile(at(27), "");
    expect(await mutateRollout(home.path, light)).toMatchObject({ mode: "in-place", skipped: [] });
  });

  it("is skipped if it is removed during the search", async () => {
    await using home = await homeWithParent();
    const fork = join(home.day, nameOf(FORK));
    await writeFile(fork, forkOf(PARENT, 10));
    const files = {
      ...nodeFiles,
      open: async (...args: Parameters<typeof nodeFiles.open>) => {
        if (args[0] === fork) await rm(fork);
        return nodeFiles.open(...args);
      },
    };
    expect(await mutateWith(files, home.path, light)).toMatchObject({ mode: "in-place" });
  });

  it("is named in the error if it can't be read", async () => {
    await using home = await homeWithParent();
    const fork = join(home.day, nameOf(FORK));
    await writeFile(fork, forkOf(PARENT));
    const files = {
      ...nodeFiles,
      open: async (...args: Parameters<typeof nodeFiles.open>) => {
        if (args[0] === fork) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
        return nodeFiles.open(...args);
      },
    };
    await expect(mutateWith(files, home.path, light)).rejects.toMatchObject({
      code: "not_permitted",
      path: fork,
      message: expect.stringContaining(`can't look for forks in ${fork}`),
    });
    expect(await readFile(home.path, "utf8")).toBe(content);
  });
});

it.each([".coordination.lock", `${PARENT}.lock`])(
  "a line does not grow if a pipe under the name of codex's %s hides whether the thread is open",
  async (name) => {
    await using home = await homeWithParent();
    const locks = join(home.codexHome, "thread-writer-locks");
    await mkdir(locks);
    execFileSync("mkfifo", [join(locks, name)]);
    const report = await mutateRollout(home.path, longer);
    expect(report).toMatchObject({ mode: "unchanged", skipped: [{ reason: "writer_active" }] });
    expect(await mutateRollout(home.path, light)).toMatchObject({ mode: "in-place" });
  },
);

describe("codex's index", () => {
  const open = async (home: string) => {
    const database = new DatabaseSync(join(home, "thread_history_1.sqlite"));
    database.exec("CREATE TABLE thread_turns (thread_id TEXT); INSERT INTO thread_turns VALUES ('x')");
    database.prepare("INSERT INTO thread_turns VALUES (?)").run(PARENT);
    return database;
  };

  it("may be locked: other work continues while waiting, and nothing is left behind", async () => {
    await using home = await homeWithParent();
    const database = await open(home.codexHome);
    database.exec("BEGIN IMMEDIATE");
    let ticks = 0;
    const ticking = setInterval(() => ticks++, 10);
    await expect(mutateRollout(home.path, longer, { waitMs: 300 })).rejects.toMatchObject({
      code: "busy",
      message: expect.stringMatching(/codex is writing to .*thread_history_1\.sqlite; try again/),
    });
    clearInterval(ticking);
    expect(ticks).toBeGreaterThan(5);
    expect(await readdir(home.day)).toEqual([nameOf(PARENT)]);
    expect(await readFile(home.path, "utf8")).toBe(content);
    setTimeout(() => database.exec("COMMIT"), 100);
    expect(await mutateRollout(home.path, longer)).toMatchObject({ mode: "rewritten" });
    expect(database.prepare("SELECT thread_id FROM thread_turns").all()).toEqual([{ thread_id: "x" }]);
    database.close();
  });
});
