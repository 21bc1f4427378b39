/** Holds a file open like a CLI, and appends lines to it one by one. Arguments: `path count`. */
import { openSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

const [path = "", count = ""] = process.argv.slice(2);
const file = openSync(path, "a");
process.stdout.write("ready\n");
for (let number = 0; number < Number(count); number++) {
  const text = `appended ${number} ${"y".repeat(number % 500)}`;
  writeSync(file, `${JSON.stringify({ kind: "noise", text })}\n`);
  if (number % 20 === 0) await setImmediate();
}
