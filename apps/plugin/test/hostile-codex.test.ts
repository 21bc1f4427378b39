import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newestCodex } from "@plexum/real-codex";
import { sleepers, uniqueSeconds } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { eventually, Harness, TRANSPORTS, turn } from "./harness.ts";

/** Creates a replacement for codex: a shell script that prints codex's version, and otherwise behaves as given. */
async function hostile(harness: Harness, script: string): Promise<string> {
  const path = join(harness.folder, "codex");
  await writeFile(
    path,
    `#!/bin/bash\n[ "$1" = --version ] && echo codex-cli ${newestCodex.version} && exit\n${script}\n`,
  );
  await chmod(path, 0o755);
  return path;
}

const GARBAGE =
  "trap '' INT TERM HUP PIPE; while :; do printf '%065536d\\n{\"type\":\\n\\377\\000[[[[\\n' 1 || :; done";

describe.each(TRANSPORTS)("a program in codex's place, by %s,", (transport) => {
  const create = async (script: (seconds: number) => string, config: object) => {
    const seconds = uniqueSeconds();
    onTestFinished(() => {
      for (const pid of sleepers(seconds)) process.kill(pid, "SIGKILL");
    });
    const harness = await Harness.create({ codex: newestCodex });
    const binary = await hostile(harness, script(seconds));
    await harness.configure({ binary, transport, ...config });
    return { harness, seconds };
  };

  test("that prints without end and ignores signals is ended at the time limit, with a bounded log", async () => {
    const { harness, seconds } = await create((s) => `sleep ${s} & ${GARBAGE}`, { timeout_ms: 2000 });
    await using _harness = harness;
    const plugin = await harness.plugin();
    // An app-server without a valid answer does not start, so there is no turn and no event.
    const outcome = await turn(plugin, harness.request("go")).catch((error: Error) => error);
    if (outcome instanceof Error) expect(outcome.message).toMatch(/did not start/);
    else expect(outcome.end.stop_reason).toBe("error");
    await eventually("nothing of it runs", () => sleepers(seconds).length === 0);
    // An app-server has 45 s to start, and the log accepts 2000 lines of each level at once and then 200 a second.
    expect(harness.logs.length).toBeLessThan(transport === "exec" ? 10_000 : 25_000);
    await plugin.listTools();
  });

  test("is ended when the host cancels, or, if it may still be starting, when the plugin ends", async () => {
    const { harness, seconds } = await create((s) => `sleep ${s} & ${GARBAGE}`, {});
    await using _harness = harness;
    const plugin = await harness.plugin();
    const cancel = new AbortController();
    const running = turn(plugin, harness.request("go"), { signal: cancel.signal }).catch((error: Error) => error);
    await eventually("it runs", () => sleepers(seconds).length > 0);
    cancel.abort();
    const outcome = await running;
    if (!(outcome instanceof Error)) expect(outcome.end.stop_reason).toBe("cancelled");
    if (transport === "app-server") await plugin.close();
    await eventually("nothing of it runs", () => sleepers(seconds).length === 0);
  }, 60_000);

  test("that forks and exits at once leaves no process", async () => {
    const script = (s: number) =>
      `(setsid bash -c "trap '' INT TERM HUP; sleep ${s}; :" >/dev/null 2>&1 &); sleep 0.3; exit 0`;
    const { harness, seconds } = await create(script, {});
    await using _harness = harness;
    const outcome = await turn(await harness.plugin(), harness.request("go")).catch((error: Error) => error);
    if (!(outcome instanceof Error)) expect(outcome.end.stop_reason).toBe("error");
    await eventually("nothing of it runs", () => sleepers(seconds).length === 0);
  }, 60_000);
});

describe("an app-server that answers", () => {
  test.concurrent.each([
    ["with unknown ids", "id + 1000"],
    ["with ids as text", "String(id)"],
    ["without an id", "null"],
    ["with the id `__proto__`", '"__proto__"'],
  ])(
    "%s does not start, and the plugin keeps running",
    async (_name, id) => {
      await using harness = await Harness.create({ codex: newestCodex });
      const program = `
      let rest = "";
      process.stdin.on("data", (text) => {
        const lines = (rest + text).split("\\n");
        rest = lines.pop();
        for (const line of lines) {
          const { id } = JSON.parse(line);
          if (id !== undefined) console.log(JSON.stringify({ id: ${id}, result: { thread: { id: "x" }, userAgent: "x" } }));
        }
      }).setEncoding("utf8");`;
      const server = join(harness.folder, "server.cjs");
      await writeFile(server, program);
      const binary = await hostile(harness, `exec '${process.execPath}' '${server}'`);
      await harness.configure({ binary, transport: "app-server", timeout_ms: 3000 });
      const plugin = await harness.plugin();
      const outcome = await turn(plugin, harness.request("go")).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome.message).toMatch(/no answer|did not start/);
      else expect(outcome.end.stop_reason).toBe("error");
      await plugin.listTools();
    },
    60_000,
  );
});
