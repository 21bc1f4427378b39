import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "@plexum/test-support";
import { expect, test } from "vitest";

const DAY_MS = 86_400_000;

test("a program's clock is shifted as the file says, forward or back", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "clock");
  const env = {
    ...process.env,
    PLEXUM_FAULTS_CLOCK: file,
    NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, "clock.mjs"))}`,
  };
  const program = "setTimeout(() => console.log(Date.now(), new Date().getTime()), 200)";
  for (const days of [2, -2]) {
    await writeFile(file, String(days * DAY_MS));
    const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { env });
    const shifts = stdout.split(" ").map((time) => Math.round((Number(time) - Date.now()) / DAY_MS));
    expect(shifts).toEqual([days, days]);
  }
});
