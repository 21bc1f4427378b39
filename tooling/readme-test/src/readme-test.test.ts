import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Block } from "./block.ts";
import { compile } from "./compile.ts";
import { fences } from "./fences.ts";
import { installedNames } from "./install-line.ts";
import { programFolder } from "./program-folder.ts";
import { claim } from "./test-readme.ts";

const MARKDOWN = `
\`\`\`sh
npm install x
\`\`\`

1. In a list:

   \`\`\`ts
   if (true)
     f();
   \`\`\`

\`\`\`
plain
\`\`\`
`;

test("finds a README's blocks, even inside lists", () => {
  expect(fences(MARKDOWN)).toEqual([
    { language: "sh", text: "npm install x\n", line: 2 },
    { language: "ts", text: "if (true)\n  f();\n", line: 8 },
    { language: "", text: "plain\n", line: 13 },
  ]);
});

test("blocks and names must match one by one", () => {
  const found = fences(MARKDOWN);
  expect(() => claim(found, ["a.sh", "b.ts"])).toThrow("the test does not name the plain block at line 13");
  expect(() => claim(found, ["a.sh", "b.js", "c.txt"])).toThrow("line 8 is ts, but the test's next name is b.js");
  expect(() => claim(found.slice(0, 2), ["a.sh", "b.ts", "c.ts"])).toThrow("no block for c.ts");
  expect(claim(found.slice(0, 2), ["a.sh", "b.ts"])).toHaveLength(2);
});

test("a package that is installed globally, or by another tool, is not beside a program", () => {
  const shell = "npm install @plexum/jsonl zod # both\nnpm install -g @openai/codex\npnpm add x\n";
  expect(installedNames(shell)).toEqual(["@plexum/jsonl", "zod"]);
});

describe("a program", () => {
  const installed = fileURLToPath(new URL("../../../packages/jsonl", import.meta.url));
  afterEach(() => vi.unstubAllEnvs());

  async function write(folder: { path: string }, name: string, text: string): Promise<Block> {
    const block = new Block(name, text, folder.path);
    await writeFile(block.path, text);
    return block;
  }

  test("finds what is installed, and nothing else from the workspace", async () => {
    await using folder = await programFolder(["@plexum/jsonl"]);
    const good = await write(
      folder,
      "good.ts",
      'import { splitLines } from "@plexum/jsonl"; console.log(typeof splitLines);',
    );
    const bad = await write(folder, "bad.ts", 'import "@plexum/rollout";');
    expect((await good.run()).stdout).toBe("function\n");
    await expect(bad.run()).rejects.toThrow("Cannot find package '@plexum/rollout'");
    await expect(compile(folder.path, ["good.ts", "bad.ts"])).rejects.toThrow(/^bad\.ts.*error TS2\d\d\d.*\n$/);
  });

  test("is compiled strictly", async () => {
    await using folder = await programFolder([]);
    await write(folder, "loose.ts", "export const f = (x) => x;\n");
    await write(folder, "loose.js", "export const n = [1][0] + undefined;\n");
    await write(folder, "good.ts", 'import { version } from "node:process";\nexport const f = () => version.length;\n');
    await compile(folder.path, ["good.ts"]);
    await expect(compile(folder.path, ["loose.ts"])).rejects.toThrow("TS7006");
    await expect(compile(folder.path, ["loose.js"])).rejects.toThrow(/TS18048|TS2532|TS18050/);
  });

  test("finds the packages of PLEXUM_INSTALLED instead of the workspace's", async () => {
    const outside = await mkdtemp(join(tmpdir(), "installed-"));
    try {
      await mkdir(join(outside, "node_modules", "@plexum"), { recursive: true });
      await symlink(installed, join(outside, "node_modules", "@plexum", "jsonl"), "junction");
      vi.stubEnv("PLEXUM_INSTALLED", outside);
      await expect(programFolder(["@plexum/rollout"])).rejects.toThrow("@plexum/rollout is not installed in");
      await using folder = await programFolder(["@plexum/jsonl"]);
      expect(existsSync(join(folder.path, "node_modules"))).toBe(false);
      const block = await write(folder, "where.ts", 'console.log(import.meta.resolve("@plexum/jsonl"));');
      expect((await block.run()).stdout).toContain("/packages/jsonl/");
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});

test("a shell block stops at the first command that fails", async () => {
  await using folder = await programFolder([]);
  const block = new Block("fails.sh", "# says why\nfalse\necho continued > file # not reached\n", folder.path);
  await writeFile(block.path, block.text);
  expect(block.commands).toEqual(["false", "echo continued > file"]);
  await expect(block.run()).rejects.toThrow("Command failed");
  await expect(readFile(join(folder.path, "file"))).rejects.toThrow("ENOENT");
});
