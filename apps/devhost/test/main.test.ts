import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

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

test("a piped chat is answered line by line, and consumes when told to", async () => {
  const { stdout, exitCode } = await run(["--chat"], "read the files\n/consume\nhello\n");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("mutate  1 of 1 calls rewritten");
  expect(stdout).toContain("Earlier in this thread you asked me: “read the files”");
});

test("an unknown flag is told, with those there are", async () => {
  const { stderr, exitCode } = await run(["--dance"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("--dance");
  expect(stderr).toContain("--live");
});
