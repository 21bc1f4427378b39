import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { acquireLock, removeLock } from "../src/process-lock.ts";

/*
 * `take <lock> <witness> <rounds>` acquires the lock that many times. Only one process at a time can create the witness file. A file
 * beside it has a count. `remove <lock>` removes the lock file repeatedly until it is killed.
 */
const [task, lock = "", witness = "", rounds = "0"] = process.argv.slice(2);
if (task === "remove") {
  for (let removed = 0; ; await delay(1)) if (await removeLock(lock, 20)) process.stdout.write(`${++removed}\n`);
}
const count = `${witness}.count`;
for (let round = 0; round < Number(rounds); round++) {
  await using _lock = await acquireLock(lock, "The lock", { waitMs: 60_000 });
  closeSync(openSync(witness, "wx"));
  const before = Number(readFileSync(count, "utf8"));
  // Long enough for another process to acquire the lock, if that is possible.
  if (round % 4 === 0) await delay(1);
  writeFileSync(count, String(before + 1));
  rmSync(witness);
}
