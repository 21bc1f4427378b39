import { expect, test } from "vitest";
import { commandLine } from "./command-line.ts";

const FLAGS = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"];

test("a new thread", () => {
  expect(commandLine({})).toEqual(["exec", ...FLAGS, "-"]);
});

test("all options, in the order that codex requires", () => {
  const args = commandLine({
    threadId: "0199a213-81c0-7800-8aa1-bbab2a035a53",
    model: "gpt-5",
    effort: "high",
    images: ["/a.png", "/b.png"],
    extraArgs: ["-C", "/elsewhere"],
  });
  expect(args).toEqual([
    ...["exec", "--image=/a.png", "--image=/b.png", ...FLAGS, "--model", "gpt-5"],
    ...["-C", "/elsewhere", "-c", 'model_reasoning_effort="high"'],
    ...["resume", "0199a213-81c0-7800-8aa1-bbab2a035a53", "-"],
  ]);
});
