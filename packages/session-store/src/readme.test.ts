import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { at, meta, said, writeRollout } from "../test/rollouts.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const root = join(import.meta.dirname, "..");

test("the README's programs run as they stand there", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [turn = "", list = ""] = Array.from(readme.matchAll(/```ts\n(.*?)```/gs), ([, code = ""]) => code);
  // Inside the package, where its own name leads to it.
  const folder = await mkdtemp(join(root, ".readme-"));
  try {
    const codexHome = join(folder, "codex-home");
    const env = { ...process.env, CODEX_HOME: codexHome, XDG_CACHE_HOME: folder };
    const run = async (code: string) => {
      await writeFile(join(folder, "program.ts"), code);
      return (await promisify(execFile)(process.execPath, ["program.ts"], { cwd: folder, env })).stdout;
    };
    expect(await run(turn)).toBe("");
    expect(await run(turn)).toBe(`going on with ${ID}\n`);
    await writeRollout(codexHome, ID, meta(at(0), ID) + said(at(1), "fix the parser"));
    expect(await run(list)).toBe(`${ID} ${at(1)} 1 /work "fix the parser"\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
