import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");

test("the README's plugin and host run as they stand there", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const [plugin = "", host = ""] = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  // Inside the package, where its own name leads to it.
  const folder = await mkdtemp(join(root, ".readme-"));
  try {
    await writeFile(join(folder, "echo-provider.ts"), plugin);
    await writeFile(join(folder, "host.ts"), host);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["host.ts"], { cwd: folder });
    expect(stdout).toBe("echo-provider [ 'echo' ]\nmessage_start\nhello from the host message_end\n");
    expect(stderr).toBe("info ready\n");
  } finally {
    await rm(folder, { recursive: true });
  }
});
