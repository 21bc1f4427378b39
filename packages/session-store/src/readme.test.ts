import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

test("the README's program runs as it stands there", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [, code = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  // Inside the package, where its own name leads to it.
  const folder = await mkdtemp(join(root, ".readme-"));
  try {
    await writeFile(join(folder, "program.ts"), code);
    const env = { ...process.env, CODEX_HOME: join(folder, "codex-home") };
    const run = async () => (await promisify(execFile)(process.execPath, ["program.ts"], { cwd: folder, env })).stdout;
    expect(await run()).toBe("");
    expect(await run()).toBe("going on with 0199a213-81c0-7800-8aa1-bbab2a035a53\n");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
