import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { appendFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import { temporaryFolder } from "@plexum/test-support";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RolloutError, readThreadUsage } from "../index.ts";
import { collect } from "../testing/collect.ts";
import { openRollout, unpack } from "./open-rollout.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
async function rollout(...lines: object[]): Promise<string> {
  const path = join(folder.path, `${count++}.jsonl`);
  const all = [{ type: "session_meta", payload: { id: "t" } }, ...lines];
  await writeFile(path, all.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

const event = (type: string, more: object = {}) => ({ type: "event_msg", payload: { type, ...more } });
const tokens = (input_tokens: number) => ({ input_tokens, output_tokens: 1 });
const counted = (input: number) =>
  event("token_count", { info: { total_token_usage: tokens(input), last_token_usage: tokens(1) } });
const record = (input: number) => ({
  type: "token_usage_record",
  payload: { usage: tokens(1), turn_token_usage: tokens(1), thread_token_usage: tokens(input) },
});
const output = (text: string) => ({
  type: "response_item",
  payload: { type: "function_call_output", call_id: "c", output: text },
});

describe("the usage of a thread", () => {
  it("is read from the last counts, whatever a tool prints after them", async () => {
    const path = await rollout(
      event("task_started"),
      counted(1),
      record(2),
      counted(3),
      record(4),
      output(JSON.stringify(counted(5))),
      event("agent_message", { message: "token_count", token_count: "token_count" }),
    );
    expect(await readThreadUsage(path)).toMatchObject({ total: { input_tokens: 3 }, record: { input_tokens: 4 } });
  });

  it("does not include a record of an earlier turn, or a count without numbers", async () => {
    const path = await rollout(
      record(1),
      event("task_started"),
      counted(2),
      event("task_started"),
      event("token_count", { info: null }),
    );
    expect(await readThreadUsage(path)).toMatchObject({ total: { input_tokens: 2 }, record: undefined });
    expect(await readThreadUsage(await rollout())).toEqual({ total: undefined, record: undefined });
  });

  it.runIf(process.platform === "linux")("is searched for only at the end of a file", async () => {
    const path = await rollout(counted(1));
    await truncate(path, 3e9);
    await appendFile(path, "\n");
    const bytesRead = () => Number(/rchar: (\d+)/.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
    const before = bytesRead();
    expect(await readThreadUsage(path)).toEqual({ total: undefined, record: undefined });
    expect(bytesRead() - before).toBeLessThan(200e6);
  });

  it("is found with little memory, however long the line after it is", async () => {
    const path = await rollout(counted(7), output("x".repeat(30e6)));
    const script = `import { readThreadUsage } from ${JSON.stringify(import.meta.resolve("../index.ts"))};
const before = process.resourceUsage().maxRSS;
const { total } = await readThreadUsage(${JSON.stringify(path)});
console.log(total.input_tokens, (process.resourceUsage().maxRSS - before) * 1024);`;
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    const [input, grown] = said.split(" ").map(Number);
    expect(input).toBe(7);
    expect(grown).toBeLessThan(32e6);
  });
});

describe("a compressed rollout", () => {
  it("that unpacks to more than is allowed is refused, and the rest is not unpacked", async () => {
    const path = join(folder.path, "bomb.jsonl.zst");
    await writeFile(path, zstdCompressSync(Buffer.alloc(20e6)));
    const unpacked: Buffer[] = [];
    const reading = (async () => {
      for await (const chunk of unpack(path, undefined, 1e6)) unpacked.push(chunk);
    })();
    const error = await reading.catch((thrown: unknown) => thrown);
    expect(RolloutError.isInstance(error) && error.code).toBe("no_space");
    expect(Buffer.concat(unpacked).length).toBeLessThanOrEqual(1e6);
    expect(Buffer.concat(await collect(unpack(path))).length).toBe(20e6);
    await using whole = await openRollout(path);
    expect(whole.size).toBe(20e6);
  });
});
