/** Holds a file open as codex does, and appends lines to it one by one: `path count`. */
import { openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

const [path = "", count = ""] = process.argv.slice(2);
const file = openSync(path, "a");
process.stdout.write("ready\n");
for (let number = 0; number < Number(count); number++) {
  const payload = { type: "agent_message", message: `appended ${number} ${"y".repeat(number % 500)}` };
  writeSync(file, `${JSON.stringify({ timestamp: "2026-01-02T03:04:06Z", type: "event_msg", payload })}\n`);
  if (number % 20 === 0) await setImmediate();
}
