import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, test } from "vitest";
import { lockWorkspace } from "./locks.ts";
import { WorkspaceThread } from "./workspace-thread.ts";

const NAMES = ["../x", "..", ".", "", "a/b", "/etc/x", "a/", "..\\x", "C:x", "x\0y"];

test.each(NAMES)("a session file named %j is refused: it would not be in the workspace", async (fileName) => {
  await using folder = await temporaryFolder();
  const workspace = join(folder.path, "workspace");
  const refused = { code: "invalid_file_name", message: expect.stringContaining(JSON.stringify(fileName)) };
  await expect(lockWorkspace(workspace, { fileName })).rejects.toMatchObject(refused);
  expect(() => new WorkspaceThread(workspace, { fileName })).toThrow(expect.objectContaining(refused));
  expect(await readdir(folder.path)).toEqual([]);
});

test.each([".x", "x..y", "...", "ein Name"])("a session file named %j is in the workspace", async (fileName) => {
  await using folder = await temporaryFolder();
  {
    await using _lock = await lockWorkspace(folder.path, { fileName });
    await new WorkspaceThread(folder.path, { fileName, idPattern: /\w+/ }).save("one");
  }
  expect((await readdir(folder.path)).sort()).toEqual([fileName, `${fileName}.lock`].sort());
});
