import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installsPackage, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

const environment = (folder: string) => ({ ...process.env, PLEXUM_PROFILE_ROOT: join(folder, "profile") });

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "install.ts": async (block) => {
    const env = environment(block.folder);
    await mkdir(join(block.folder, "dist"));
    await writeFile(join(block.folder, "dist", "main.js"), "");
    const lines = (await block.run({ env })).stdout.trim().split("\n");
    expect(lines.map((line) => line.split(" ", 1)[0])).toEqual(Array(5).fill("created"));
    const config = join(env.PLEXUM_PROFILE_ROOT, "plugins", "echo-provider", "config.json");
    expect(JSON.parse(await readFile(config, "utf8"))).toEqual({ greeting: "hello" });
    await writeFile(join(env.PLEXUM_PROFILE_ROOT, "plexum.json"), "{");
    await expect(block.run({ env })).rejects.toThrow("plexum.json can't be used");
    await writeFile(join(env.PLEXUM_PROFILE_ROOT, "plexum.json"), '{"plugins":{"allow":["echo-provider"]}}');
  },
  "uninstall.ts": async (block) => {
    const env = environment(block.folder);
    expect((await block.run({ env })).stdout).toBe("version 1.0.0, allowed\n");
    await expect(block.run({ env })).rejects.toThrow("not_installed");
  },
});
