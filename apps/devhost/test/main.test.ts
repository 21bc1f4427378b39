import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

async function run(args: string[], input = "") {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: "pipe" });
  child.stdin.end(input);
  const [stdout, stderr, [exitCode]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, exitCode };
}

test("the demonstration holds one thread, calls tools, and shows what consuming them saves", async () => {
  const { stdout, stderr, exitCode } = await run([]);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(new Set(stdout.match(/^thread {2}.+$/gm))).toHaveProperty("size", 1);
  expect(stdout.match(/^thread/gm)).toHaveLength(3);
  expect(stdout).toContain("call    exec_command");
  expect(stdout).toContain("host    runs its tool read_file");
  expect(stdout).toContain("The largest of the values that I was shown is 988.");
  expect(stdout).toContain("this turn: 1530 tokens in (1450 cached), 24 out");
  expect(stdout).toContain("mutate  2 of 2 calls rewritten");
  expect(Number(/saved {3}(\d+) bytes/.exec(stdout)?.[1])).toBeGreaterThan(5000);
});

test("a piped chat is answered line by line, and consumes on request", async () => {
  const { stdout, exitCode } = await run(["--chat"], "read the files\n/consume\nhello\n");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("mutate  1 of 1 calls rewritten");
  expect(stdout).toContain("Earlier in this thread you asked me: “read the files”");
});

/** Returns what is left. The directory of the bridges' sockets stays, for the next bridge. */
const leftIn = async (temp: string) => (await readdir(temp)).filter((name) => !name.startsWith("plexum-mcp-"));

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s during a turn ends the program, and leaves nothing behind",
  async (signal) => {
    const temp = await mkdtemp(join(tmpdir(), "devhost-"));
    onTestFinished(() => rm(temp, { recursive: true, force: true }));
    const child = spawn(process.execPath, [MAIN], { stdio: "pipe", env: { ...process.env, TMPDIR: temp } });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      if (!said.includes("call  ") && `${said}${chunk}`.includes("call  ")) child.kill(signal);
      said += chunk;
    });
    const [stderr, [exitCode, killedBy]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect({ stderr, exitCode, killedBy }).toEqual({
      stderr: "",
      exitCode: 128 + constants.signals[signal],
      killedBy: null,
    });
    expect(said).not.toContain("saved");
    expect(await leftIn(temp)).toEqual([]);
  },
);

test("the reader of the output may stop reading, and nothing is left behind", async () => {
  const temp = await mkdtemp(join(tmpdir(), "devhost-"));
  onTestFinished(() => rm(temp, { recursive: true, force: true }));
  const child = spawn(process.execPath, [MAIN], { stdio: "pipe", env: { ...process.env, TMPDIR: temp } });
  child.stdout.once("data", () => child.stdout.destroy());
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect([stderr, exitCode]).toEqual(["", 0]);
  expect(await leftIn(temp)).toEqual([]);
});

test("an unknown flag is reported, with the known ones", async () => {
  const { stderr, exitCode } = await run(["--dance"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("--dance");
  expect(stderr).toContain("--live");
});
