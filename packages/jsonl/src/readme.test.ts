import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "log.ts": async (block) => {
    const log = join(block.folder, "log.jsonl");
    const first = '{"message":"one"}\n{"message":"zwölf"}\n';
    const end = Buffer.byteLength(first);
    await writeFile(log, `${first}{"message":"thr`);
    expect((await block.run({ args: [log] })).stdout).toBe(`one\nzwölf\nresume from ${end}\n`);
    await writeFile(log, `${first}{"message":"three"}\n`);
    expect((await block.run({ args: [log, String(end)] })).stdout).toBe(`three\nresume from ${end + 20}\n`);
  },
  "splitter.ts": async (block) => {
    const lines = ["line 0 3 true", "line 4 3 true", "oversized 8 11 true", "line 20 2 false"];
    expect((await block.run()).stdout).toBe(`${lines.join("\n")}\n`);
  },
  "last-error.ts": async (block) => {
    const log = join(block.folder, "errors.jsonl");
    await writeFile(log, '{"level":"error"}\n{"level":"error"}\n{"level":"info"}\n');
    expect((await block.run({ args: [log] })).stdout).toBe("the last error is at byte 18\n");
  },
});
