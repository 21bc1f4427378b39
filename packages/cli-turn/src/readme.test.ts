import { execFile } from "node:child_process";
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { sleepers, uniqueSeconds } from "@plexum/test-support";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");
const TSUP = join(root, "node_modules", "tsup", "dist", "cli-default.js");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "run.ts": async (block) => {
    const seconds = uniqueSeconds();
    const script = `echo hello; setsid sleep ${seconds} & exit 3`;
    expect((await block.run({ args: ["sh", "-c", script] })).stdout).toBe("said: hello\n3 ended by itself\n");
    expect(sleepers(seconds)).toEqual([]);
  },
  "watchdog.js": async (block) => {
    await expect(block.run()).rejects.toThrow("usage: watchdog <owner marker>");
  },
  "tsup.config.js": async (block) => {
    await mkdir(join(block.folder, "src"));
    for (const [from, to] of Object.entries({ "run.ts": "main.ts", "watchdog.js": "watchdog.ts" }))
      await copyFile(join(block.folder, from), join(block.folder, "src", to));
    await promisify(execFile)(process.execPath, [TSUP, "--config", block.path], { cwd: block.folder });
    expect(await readdir(join(block.folder, "dist"))).toEqual(expect.arrayContaining(["main.js", "watchdog.js"]));
    await expect(promisify(execFile)(process.execPath, [join(block.folder, "dist", "watchdog.js")])).rejects.toThrow(
      "usage: watchdog <owner marker>",
    );
  },
});
