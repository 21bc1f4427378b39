import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { expect, test } from "vitest";
import { startCli } from "./index.ts";

const parser = { write: () => [], end: () => [] };

test("a program that does not exist is named, and not taken for one of another machine", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "nowhere");
  const program = { path, command: path, prefix: [], toolsPath: undefined };
  const started = startCli({ program, args: [], workspace: folder.path, env: {}, stdin: "", timeoutMs: 5_000, parser });
  await expect(started).rejects.toMatchObject({ code: "binary_not_found", message: expect.stringContaining(path) });
});
