import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

/** A session as Claude Code 2.1.332 writes it, reduced to what matters. */
const claudeLines = (id: string, text: string) => [
  { type: "assistant", message: { role: "assistant", content: [{ type: "tool_use", id, name: "Bash", input: {} }] } },
  {
    type: "user",
    message: { role: "user", content: [{ tool_use_id: id, type: "tool_result", content: text, is_error: false }] },
    toolUseResult: { stdout: text, stderr: "", interrupted: false },
  },
];

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "claude.ts": async (block) => {
    const session = join(block.folder, "session.jsonl");
    const lines = [...claudeLines("toolu_1", "SECRET ".repeat(9)), ...claudeLines("toolu_2", "kept two")];
    await writeFile(session, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
    const before = await stat(session);
    const { stdout } = await block.run({ args: [session, "toolu_1", "toolu_9"] });
    expect(stdout).toMatch(/^in-place \[ 'toolu_1' \] \[ 'toolu_9' \] \[\] \d+\n$/);
    const now = (await readFile(session, "utf8")).trimEnd().split("\n");
    expect(now.map((line) => JSON.parse(line))).toEqual([lines[0], expectedResult(lines[1]), lines[2], lines[3]]);
    expect(await stat(session)).toMatchObject({ ino: before.ino, size: before.size });
  },
  "grow.ts": async (block) => {
    const path = join(block.folder, "grow.jsonl");
    await writeFile(path, '{"id":"a","result":"x"}\n{"id":"b","result":"y"}\n');
    const { stdout } = await block.run({ args: [path, "a", "a longer text"] });
    expect(stdout).toBe("rewritten []\n");
    expect(await readFile(path, "utf8")).toBe('{"id":"a","result":"a longer text"}\n{"id":"b","result":"y"}\n');
  },
});

function expectedResult(line: unknown): unknown {
  const copy = structuredClone(line) as { message: { content: [{ content: string }] }; toolUseResult: unknown };
  copy.message.content[0].content = "...(consumed)";
  copy.toolUseResult = "...(consumed)";
  return copy;
}
