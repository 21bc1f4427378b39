import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Files, nodeFiles } from "@plexum/jsonl-edit";
import { temporaryFolder } from "@plexum/test-support";
import { expect, it } from "vitest";
import { consumeLight, readToolCalls } from "../index.ts";
import { mutateWith } from "../mutate/mutate-rollout.ts";
import { collect } from "../testing/collect.ts";

const idOf = (number: number) => `exec-${String(number).padStart(8, "0")}-0000-4000-8000-000000000000`;

/** Returns a turn in code mode. Each script calls a tool and passes on its result. As codex 0.169 writes it, reduced to what matters. */
function scriptTurn(results: readonly string[]): string {
  const line = (type: string, payload: object) =>
    `${JSON.stringify({ timestamp: "2026-01-02T03:04:05Z", type, payload })}\n`;
  const lines = results.map((text, number) => {
    const callId = `call_${number}`;
    const result = { content: [{ type: "text", text }] };
    return [
      line("response_item", { type: "custom_tool_call", name: "exec", call_id: callId, input: "text(r)" }),
      line("event_msg", { type: "item_completed", item: { type: "McpToolCall", id: idOf(number), tool: "t", result } }),
      line("response_item", {
        type: "custom_tool_call_output",
        call_id: callId,
        output: [
          { type: "input_text", text: "Script completed\n" },
          { type: "input_text", text },
        ],
      }),
    ].join("");
  });
  return line("event_msg", { type: "task_started", turn_id: "turn_1" }) + lines.join("");
}

const results = Array.from({ length: 40 }, (_, number) => `result ${number} `.repeat(20));
const ids = results.flatMap((_, number) => (number % 2 === 0 ? [idOf(number)] : []));

/** Creates a rollout with these results, and files that report each read of a single line. */
async function watched(folder: string, onLine: (offset: number) => void) {
  const path = join(folder, "rollout.jsonl");
  const content = scriptTurn(results);
  await writeFile(path, content);
  const starts = new Set(Array.from(content.matchAll(/(?<=\n)./g), ({ index }) => index));
  const files: Files = {
    ...nodeFiles,
    open: async (...args) => {
      const file = await nodeFiles.open(...args);
      const read: typeof file.read = (buffer, offset, length, position) => {
        if (starts.has(position)) onLine(position);
        return file.read(buffer, offset, length, position);
      };
      return { ...file, read };
    },
  };
  return { path, files };
}

it("reads a line only a few times, however many calls and scripts there are", async () => {
  await using folder = await temporaryFolder();
  const reads = new Map<number, number>();
  const { path, files } = await watched(folder.path, (offset) => reads.set(offset, (reads.get(offset) ?? 0) + 1));
  expect(await mutateWith(files, path, ids.map(consumeLight))).toMatchObject({ touched: ids, skipped: [] });
  expect(reads.size).toBeGreaterThan(results.length);
  expect(Math.max(...reads.values())).toBeLessThanOrEqual(3);
  const scripts = (await collect(readToolCalls(path))).filter(({ kind }) => kind === "custom");
  expect(scripts.map(({ output }) => output)).toEqual(
    results.map((text, number) => `Script completed\n\n${number % 2 === 0 ? "...(consumed)" : text}`),
  );
});

it("can be aborted between two lines", async () => {
  await using folder = await temporaryFolder();
  const abort = new AbortController();
  let reads = 0;
  const { path, files } = await watched(folder.path, () => {
    if (++reads === 30) abort.abort();
  });
  const mutating = mutateWith(files, path, ids.map(consumeLight), { signal: abort.signal });
  await expect(mutating).rejects.toThrow("aborted");
  expect(reads).toBeLessThan(35);
});
