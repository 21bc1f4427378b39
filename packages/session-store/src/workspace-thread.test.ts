import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay, setImmediate as nextTick } from "node:timers/promises";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, test } from "vitest";
import { SessionStoreError } from "./errors.ts";
import { isThreadId } from "./thread-id.ts";
import { WorkspaceThread } from "./workspace-thread.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const OTHER = "0199a213-81c0-7800-8aa1-bbab2a035a54";

test("an id is saved, loaded, replaced and cleared", async () => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  expect(await thread.load()).toEqual({ threadId: undefined });
  await thread.save(ID);
  expect(await readFile(thread.path, "utf8")).toBe(ID);
  expect((await stat(thread.path)).mode & 0o777).toBe(0o600);
  await thread.save(OTHER);
  expect(await thread.load()).toEqual({ threadId: OTHER });
  expect(await readdir(folder.path)).toEqual([basename(thread.path)]);
  await thread.clear();
  await thread.clear();
  expect(await thread.load()).toEqual({ threadId: undefined });
});

test.each([`${ID}\n`, ` ${ID.toUpperCase()}\r\n`, `\ufeff${ID}`])("%j is an id", async (content) => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  await writeFile(thread.path, content);
  expect(await thread.load()).toEqual({ threadId: ID });
});

describe("content that is not an id is set aside once, with a warning", () => {
  test.each<[name: string, make: (path: string) => Promise<unknown>]>([
    ["empty", (path) => writeFile(path, "")],
    ["half an id", (path) => writeFile(path, ID.slice(0, 20))],
    ["two ids", (path) => writeFile(path, `${ID}\n${OTHER}\n`)],
    ["a name", (path) => writeFile(path, "my thread")],
    ["JSON", (path) => writeFile(path, JSON.stringify({ id: ID }))],
    ["binary", (path) => writeFile(path, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))],
    ["8 GiB", (path) => writeFile(path, "").then(() => truncate(path, 8 * 1024 ** 3))],
    ["a folder that is not empty", (path) => mkdir(join(path, "inside"), { recursive: true })],
    ["a link to another file", (path) => symlink("/etc/passwd", path)],
    ["a link to itself", (path) => symlink(path, path)],
    ["a pipe without a writer", async (path) => execFileSync("mkfifo", [path])],
    ["an endless device", (path) => symlink("/dev/zero", path)],
  ])("%s", async (_name, make) => {
    await using folder = await temporaryFolder();
    const thread = new WorkspaceThread(folder.path);
    await make(thread.path);
    // The warning repeats until an id takes its place: the process that got it may not be the one that continues.
    const before = await lstat(thread.path);
    for (const _time of [1, 2]) {
      const { threadId, warning } = await thread.load();
      expect(threadId).toBeUndefined();
      expect(warning).toContain(`${thread.path}.damaged-`);
    }
    expect(await readdir(folder.path)).toEqual([basename(thread.path)]);
    await thread.save(ID);
    expect(await thread.load()).toEqual({ threadId: ID });
    await thread.save(OTHER);
    const [saved, aside, ...more] = (await readdir(folder.path)).sort();
    expect([saved, ...more]).toEqual([basename(thread.path)]);
    expect(aside).toMatch(/^\.plexum-codex-session\.damaged-/);
    expect((await lstat(join(folder.path, aside as string))).ino).toBe(before.ino);
  });
});

test.each<[name: string, make: (path: string) => Promise<unknown>]>([
  ["a folder that is not empty", (path) => mkdir(join(path, "inside"), { recursive: true })],
  ["a pipe without a reader", async (path) => execFileSync("mkfifo", [path])],
  ["a dangling link", (path) => symlink("/nowhere/at/all", path)],
])("%s in the place of the temporary file does not prevent saving, and a folder is kept", async (name, make) => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  await make(`${thread.path}.new`);
  await thread.save(ID);
  expect(await thread.load()).toEqual({ threadId: ID });
  const kept = (await readdir(folder.path)).filter((name) => name !== basename(thread.path));
  expect(kept).toEqual(name.startsWith("a folder") ? [expect.stringMatching(/\.new\.damaged-/)] : []);
});

test("clear sets aside a folder in the file's place", async () => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  await mkdir(join(thread.path, "inside"), { recursive: true });
  await thread.clear();
  expect(await thread.load()).toEqual({ threadId: undefined });
  expect(await readdir(folder.path)).toEqual([expect.stringMatching(/\.damaged-/)]);
});

test("content that is not an id stays until the id replaces it: a crash never leaves the workspace without both", async () => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  for (let round = 0; round < 20; round++) {
    await writeFile(thread.path, "damaged");
    let isSaved = false;
    const saving = thread.save(ID).finally(() => {
      isSaved = true;
    });
    while (!isSaved) {
      expect(existsSync(thread.path)).toBe(true);
      await nextTick();
    }
    await saving;
    // The name of a file that is set aside contains the time.
    await delay(5);
  }
  expect(await readdir(folder.path)).toHaveLength(21);
});

test("a link is followed for reading, and replaced on saving; its target does not change", async () => {
  await using folder = await temporaryFolder();
  const [target, thread] = [join(folder.path, "target"), new WorkspaceThread(folder.path)];
  await symlink(target, thread.path);
  expect(await thread.load()).toEqual({ threadId: undefined });
  await writeFile(target, ID);
  expect(await thread.load()).toEqual({ threadId: ID });
  await thread.save(OTHER);
  expect(await readFile(target, "utf8")).toBe(ID);
  expect(await thread.load()).toEqual({ threadId: OTHER });
});

test("another CLI has its own file and id pattern beside codex's", async () => {
  await using folder = await temporaryFolder();
  const other = new WorkspaceThread(folder.path, { fileName: ".other-session", idPattern: /ses_[A-Z]+|x/g });
  const codex = new WorkspaceThread(folder.path);
  await codex.save(ID);
  await other.save("ses_ABC");
  for (const _time of [1, 2]) expect(await other.load()).toEqual({ threadId: "ses_ABC" });
  expect(await codex.load()).toEqual({ threadId: ID });
  for (const id of ["ses_", "ses_ABCd", "xx", "x\n", ID, `ses_${"A".repeat(300)}`]) {
    await expect(other.save(id), id).rejects.toMatchObject({ code: "invalid_thread_id" });
    await writeFile(other.path, id);
    if (id.trim() === id) expect((await other.load()).warning).toContain(".other-session.damaged-");
  }
});

test("text that is not an id is not saved; a failed write is reported", async () => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  for (const id of ["", "--last", "my thread", `${ID}\n`]) {
    await expect(thread.save(id)).rejects.toMatchObject({ code: "invalid_thread_id" });
  }
  expect(await readdir(folder.path)).toEqual([]);
  await writeFile(join(folder.path, "file"), "");
  const impossible = new WorkspaceThread(join(folder.path, "file"));
  // Started one by one: a promise that rejects while another is awaited would count as unhandled.
  for (const attempt of [
    () => impossible.load(),
    () => impossible.save(ID),
    () => new WorkspaceThread(join(folder.path, "none")).save(ID),
  ]) {
    const error = await attempt().catch((thrown: unknown) => thrown);
    expect(SessionStoreError.isInstance(error) && error.code).toBe("io");
  }
});

test("a reader sees only whole ids while another process saves, and after it is killed", async () => {
  await using folder = await temporaryFolder();
  const thread = new WorkspaceThread(folder.path);
  const program = `
    import { WorkspaceThread } from ${JSON.stringify(import.meta.resolve("./workspace-thread.ts"))};
    const thread = new WorkspaceThread(${JSON.stringify(folder.path)});
    await thread.save("${ID}");
    console.log("saving");
    for (;;) for (const id of ["${OTHER}", "${ID}"]) await thread.save(id);`;
  const writer = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(writer.stdout, "data");
    for (let reads = 0; reads < 500; reads++) {
      const { threadId, warning } = await thread.load();
      expect([ID, OTHER]).toContain(threadId);
      expect(warning).toBeUndefined();
    }
  } finally {
    writer.kill("SIGKILL");
    await once(writer, "exit");
  }
  expect([ID, OTHER]).toContain((await thread.load()).threadId);
  // As if it had been killed in the middle: the next save removes the leftover.
  await writeFile(`${thread.path}.new`, "half");
  await thread.save(ID);
  expect(await readdir(folder.path)).toEqual([basename(thread.path)]);
});

test("an id is a UUID and nothing else", () => {
  expect([ID, ID.toUpperCase()].every(isThreadId)).toBe(true);
  expect(["", ` ${ID}`, `${ID}\n`, `{${ID}}`, ID.replaceAll("-", ""), ID.replace("0", "g")].some(isThreadId)).toBe(
    false,
  );
});

test("isInstance recognizes an error of another installed copy of this package", async () => {
  const copy: typeof import("./errors.ts") = await import(`${import.meta.resolve("./errors.ts")}?copy`);
  const foreign = new copy.SessionStoreError("io", "x");
  expect(foreign).not.toBeInstanceOf(SessionStoreError);
  expect(SessionStoreError.isInstance(foreign)).toBe(true);
  expect(SessionStoreError.isInstance(undefined)).toBe(false);
});
