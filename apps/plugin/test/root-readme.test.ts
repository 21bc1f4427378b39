import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Block, namesWhatIsThere, notRun, testReadme } from "@plexum/readme-test";
import { newestCodex } from "@plexum/real-codex";
import { answer, say, shell } from "@plexum/scripted-model";
import { expect } from "vitest";
import { Harness, PLUGIN, turn } from "./harness.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const DEVHOST = join(ROOT, "apps/devhost/src/main.ts");
const RECORDER = join(ROOT, "tooling/fixture-recorder/src/record-session-picture.ts");
const EXAMPLE = join(ROOT, "examples/small-provider/src");

/** The README shows the file of the program, which has its own tests. */
const isTheFile = (path: string) => async (block: Block) => expect(block.text).toBe(await readFile(path, "utf8"));

const devhost = async (...args: string[]) => (await promisify(execFile)(process.execPath, [DEVHOST, ...args])).stdout;

/** Returns the plugin's output for a subcommand that the README starts with npx. */
async function helpOf(command = ""): Promise<string> {
  const [npx, name, subcommand = ""] = command.split(" ");
  expect([npx, name]).toEqual(["npx", "plexum-openai-provider"]);
  return (await promisify(execFile)(process.execPath, [PLUGIN, subcommand, "--help"])).stdout;
}

/** Creates a program of this name in the block's folder. */
async function program(block: Block, name: string, script: string): Promise<void> {
  const path = join(block.folder, name);
  await writeFile(path, script);
  await chmod(path, 0o755);
}

/** Creates a session of one turn, in which the model ran a command. */
async function sessionWithCall(): Promise<Harness> {
  const script = [answer([shell("true", { callId: "call_true" })]), say("done")];
  const harness = await Harness.create({ codex: newestCodex, script });
  await turn(await harness.plugin(), harness.request("start the engine"));
  return harness;
}

/** Runs a block's commands about the session. */
async function peoplesShell(block: Block, harness: Harness) {
  const id = await readFile(join(harness.workspace, ".plexum-codex-session"), "utf8");
  const node = join(block.folder, "node");
  if (!existsSync(node)) await symlink(process.execPath, node);
  // Does what npx would do, without a registry.
  const npx = `#!/bin/sh\n[ "$1" = plexum-openai-provider ] && shift && exec node '${PLUGIN}' "$@"\n`;
  await program(block, "npx", npx);
  const env = {
    ...harness.env,
    PATH: [block.folder, process.env.PATH].join(delimiter),
    XDG_CACHE_HOME: harness.folder,
  };
  const run = async (command = "") =>
    (await promisify(execFile)("sh", ["-c", command.replace("<id>", id)], { env })).stdout;
  return { run, id };
}

testReadme(join(ROOT, "README.md"), {
  "see-it-work.sh": async (block) => {
    namesWhatIsThere(block);
    const help = await devhost("--help");
    for (const flag of block.text.match(/--[a-z]+/g) ?? []) expect(help).toContain(flag);
  },
  "conversation.txt": async (block) => {
    const lines = (text: string) => withoutFigures(text).split("\n").filter(Boolean);
    // In any order: a call may be emitted before or after the host has run its tool.
    expect(lines(await devhost())).toEqual(expect.arrayContaining(lines(block.text)));
  },
  "session-full.sh": async (block) => {
    await using harness = await sessionWithCall();
    const { run, id } = await peoplesShell(block, harness);
    const [list, show, dryRun, consume, restore, resume, ...others] = block.commands;
    expect(await run(list)).toContain(id);
    expect(await run(show)).toContain("call_true");
    for (const command of [dryRun, consume]) expect(await run(command)).toBe("nothing to consume\n");
    expect(await run(restore)).toBe("nothing to restore\n");
    expect(resume).toBe("codex resume <id>");
    expect(others).toEqual([]);
  },
  "session-picture.txt": async (block) => {
    const { stdout } = await promisify(execFile)(process.execPath, [RECORDER, "--print"]);
    const lines = (text: string) =>
      withoutFigures(text.replaceAll(/[█-▏░]+/g, "<bar>"))
        .replaceAll(/ +/g, " ")
        .trim()
        .split("\n");
    expect(lines(stdout)).toEqual(lines(block.text));
    for (const line of block.text.split("\n")) expect(line.startsWith("$") || line.length <= 80, line).toBe(true);
  },
  "turn.mmd": notRun("a diagram; docs/architecture.md describes the same by file"),
  "packages.sh": notRun("it names the packages that the provider is compiled with"),
  "provider.ts": isTheFile(join(EXAMPLE, "provider.ts")),
  "relay.ts": isTheFile(join(EXAMPLE, "relay.ts")),
  "install.sh": async ({ commands: [codex, login, install] }) => {
    expect(codex).toBe("npm install -g @openai/codex");
    expect(login).toBe("codex login");
    await promisify(execFile)(newestCodex.path, ["login", "--help"]);
    expect(await helpOf(install)).toContain("install");
  },
  "installed.txt": async (block) => {
    const at = (name: string) => join(block.folder, name);
    const env = { HOME: at("home"), CODEX_HOME: at("home"), PATH: at("bin"), PLEXUM_PROFILE_ROOT: at("profile") };
    for (const folder of ["home", "bin", "profile"]) await mkdir(at(folder));
    await writeFile(at("profile/plexum.json"), "{}");
    await writeFile(at("home/auth.json"), '{"OPENAI_API_KEY":"none"}');
    await symlink(newestCodex.path, at("bin/codex"));
    const { stdout } = await promisify(execFile)(process.execPath, [PLUGIN, "install"], { env });
    const printed = stdout
      .replaceAll(at("profile"), "/home/ada/.plexum")
      .replaceAll(at("bin/codex"), "/usr/local/bin/codex")
      .replaceAll(process.execPath, "/usr/bin/node");
    const lines = (text: string) =>
      text
        .replaceAll(/\b\d+\.\d+\.\d+(-[0-9a-f]{8}\b)?/g, "<version>")
        .replaceAll(/ +/g, " ")
        .trim()
        .split("\n");
    expect(lines(printed)).toEqual(lines(block.text));
  },
  "from-a-clone.sh": async ({ commands: [install, build, ...rest] }) => {
    namesWhatIsThere({ commands: [install ?? "", build ?? ""] });
    expect(rest).toEqual([`node ${relative(ROOT, PLUGIN)} install`]);
  },
  "sessions.sh": async (block) => {
    await using harness = await sessionWithCall();
    const { run, id } = await peoplesShell(block, harness);
    const [newest, filtered, withOthers, shown, rolledBack, ...others] = block.commands;
    for (const list of [newest, filtered, withOthers]) expect(await run(list)).toContain(id);
    for (const show of [shown, rolledBack]) expect(await run(show)).toContain("call_true");
    expect(others).toEqual([]);
  },
  "doctor.sh": async (block) => {
    for (const command of block.commands) expect(await helpOf(command)).toContain("doctor");
    const help = await helpOf(block.commands[0]);
    for (const flag of block.text.match(/--[a-z]+/g) ?? []) expect(help).toContain(flag);
  },
});

/** Ids, times, counts and the space after them differ from run to run. */
function withoutFigures(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<id>")
    .replaceAll(/\b[0-9a-f]{8}\b/g, "<id>")
    .replaceAll(/\d+/g, "#")
    .replaceAll(/ +$/gm, "");
}
