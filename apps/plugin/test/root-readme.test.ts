import { execFile } from "node:child_process";
import { chmod, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connectPlugin } from "@plexum/plugin-sdk";
import { type Block, namesWhatIsThere, notRun, testReadme } from "@plexum/readme-test";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";
import { Harness, PLUGIN, turn } from "./harness.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DEVHOST = join(ROOT, "apps/devhost/src/main.ts");
const EXAMPLE = join(ROOT, "examples/small-provider/src");

/** What the README shows of a program is the file, whose own tests run it. */
const isTheFile = (path: string) => async (block: Block) => expect(block.text).toBe(await readFile(path, "utf8"));

const devhost = async (...args: string[]) => (await promisify(execFile)(process.execPath, [DEVHOST, ...args])).stdout;

/** A program under this name, to be found in the block's folder. */
async function program(block: Block, name: string, script: string): Promise<string> {
  const path = join(block.folder, name);
  await writeFile(path, script);
  await chmod(path, 0o755);
  return path;
}

testReadme(join(ROOT, "README.md"), {
  "see-it-work.sh": async (block) => {
    namesWhatIsThere(block);
    const help = await devhost("--help");
    for (const flag of block.text.match(/--[a-z]+/g) ?? []) expect(help).toContain(flag);
  },
  "conversation.txt": async (block) => {
    const lines = (text: string) => withoutFigures(text).split("\n").filter(Boolean);
    // In whatever order: a call may be told before or after the host has run its tool.
    expect(lines(await devhost())).toEqual(expect.arrayContaining(lines(block.text)));
  },
  "turn.mmd": notRun("a picture; docs/architecture.md tells the same by file"),
  "packages.sh": notRun("it names the packages that the provider is compiled with"),
  "provider.ts": isTheFile(join(EXAMPLE, "provider.ts")),
  "relay.ts": isTheFile(join(EXAMPLE, "relay.ts")),
  "build.sh": namesWhatIsThere,
  "manifest.json": async (block) => {
    await using harness = await Harness.create({ codex: newestCodex });
    const { manifest } = await harness.plugin();
    expect(manifest).toMatchObject(JSON.parse(block.text));
  },
  "launcher.sh": async (block) => {
    const script = block.text
      .replace("/usr/bin/node", process.execPath)
      .replace("/opt/plexum-openai-provider/dist/main.js", PLUGIN);
    const command = await program(block, "plexum-openai-provider-plugin", script);
    await using harness = await Harness.create({ codex: newestCodex });
    await using plugin = await connectPlugin({ command, env: { ...harness.env, PATH: "" } });
    expect(plugin.manifest.executable).toBe("plexum-openai-provider-plugin");
  },
  "sessions.sh": async (block) => {
    await using harness = await Harness.create({
      codex: newestCodex,
      script: [answer([shell("true", { callId: "call_true" })]), say("done")],
    });
    await turn(await harness.plugin(), harness.request("start the engine"));
    const id = await readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");
    await symlink(process.execPath, join(block.folder, "node"));
    await program(block, "plexum-openai-provider-plugin", `#!/bin/sh\nexec node '${PLUGIN}' "$@"\n`);
    const env = {
      ...harness.env,
      PATH: [block.folder, process.env.PATH].join(delimiter),
      XDG_CACHE_HOME: harness.folder,
    };
    const run = async (command = "") =>
      (await promisify(execFile)("sh", ["-c", command.replace("<id>", id)], { env })).stdout;
    const [newest, filtered, shown, ...others] = block.commands;
    expect(await run(newest)).toContain(id);
    expect(await run(filtered)).toContain(id);
    expect(await run(shown)).toContain("call_true");
    expect(others).toEqual([]);
  },
});

/** Ids, times and counts differ from run to run, and the space behind them. */
function withoutFigures(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>")
    .replaceAll(/\d+/g, "#")
    .replaceAll(/ +$/gm, "");
}
