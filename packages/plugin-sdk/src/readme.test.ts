import { join } from "node:path";
import { installsPackage, notRun, testReadme } from "@plexum/readme-test";
import { expect } from "vitest";

const root = join(import.meta.dirname, "..");

testReadme(join(root, "README.md"), {
  "install.sh": installsPackage(root),
  "echo-provider.ts": notRun("host.ts runs it"),
  "host.ts": async (block) => {
    const { stdout, stderr } = await block.run();
    expect(stdout).toBe("echo-provider [ 'echo' ]\nmessage_start\nhello from the host message_end\n");
    expect(stderr).toBe("info ready\n");
  },
});
