/**
 * Measures the time from the start of the built plugin until it answers `initialize`, and compares it with a bare Node (the limit: a
 * plugin that runs on Node can't be faster). Aim: at most 2 ×.
 */
import { builtPlugin } from "./support/built-plugin.ts";
import { median, milliseconds, timeFirstByte, timeProcess } from "./support/figures.ts";

const PAIRS = 30;
const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "benchmark", version: "1" } };
const initialize = `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`;

const plugin: number[] = [];
const bare: number[] = [];
// The first start fills the compile cache, as the first start on a machine does.
await timeFirstByte(process.execPath, [builtPlugin], initialize);
for (let pair = 0; pair < PAIRS; pair++) {
  plugin.push(await timeFirstByte(process.execPath, [builtPlugin], initialize));
  bare.push(timeProcess(process.execPath, ["-e", "0"]));
}
const ratio = median(plugin.map((time, pair) => time / (bare[pair] ?? Number.NaN)));
console.log(`plugin start until initialize is answered, median of ${PAIRS} pairs`);
console.table({
  "plugin answers initialize": { median: milliseconds(median(plugin)), ratio: ratio.toFixed(2), aim: "≤ 2 ×" },
  "node -e 0 (limit)": { median: milliseconds(median(bare)), ratio: "1", aim: "" },
});
