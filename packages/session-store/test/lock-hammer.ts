import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { removeLock, takeLock } from "../src/process-lock.ts";

/*
 * `take <lock> <witness> <rounds>` holds the lock so many times. The witness is a file that only one can make at a time;
 * beside it stands a count. `remove <lock>` removes the lock file again and again until it is killed.
 */
const [task, lock = "", witness = "", rounds = "0"] = process.argv.slice(2);
if (task === "remove") {
  for (let removed = 0; ; await delay(1)) if (await removeLock(lock, 20)) process.stdout.write(`${++removed}\n`);
}
const count = `${witness}.count`;
for (let round = 0; round < Number(rounds); round++) {
  await using _lock = await takeLock(lock, "The lock", { waitMs: 60_000 });
  closeSync(openSync(witness, "wx"));
  const before = Number(readFileSync(count, "utf8"));
  // Long enough for another to come in, if anything lets it.
  if (round % 4 === 0) await delay(1);
  writeFileSync(count, String(before + 1));
  rmSync(witness);
}
