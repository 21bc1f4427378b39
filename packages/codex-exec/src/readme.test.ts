import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { answer, ScriptedModel, say, shell } from "@plexum/scripted-model";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

test("the README's programs run as they stand there", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [turn = "", probe = ""] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  await using model = await ScriptedModel.start([answer([shell("ls")]), say("It is for trying things out.")]);
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  const env = { ...home.env, PATH: [dirname(newestCodex.path), process.env.PATH].join(delimiter) };
  // Inside the package, where its own name leads to it.
  const folder = await mkdtemp(join(root, ".readme-"));
  try {
    const run = async (name: string, code: string) => {
      await writeFile(join(folder, name), code);
      return (await promisify(execFile)(process.execPath, [join(folder, name)], { cwd: folder, env })).stdout;
    };
    expect(await run("turn.ts", turn)).toMatch(
      /^\$ .*ls'?\nIt is for trying things out\.\nthread [0-9a-f-]{36} has used 200 input tokens\n$/,
    );
    expect(await run("probe.ts", probe)).toBe(`${newestCodex.path} ${newestCodex.version} not signed in\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
