import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { orphanedTurns } from "@plexum/cli-turn";
import { imageLeftovers } from "@plexum/codex-turn";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { ScriptedModel } from "@plexum/scripted-model";
import { eventually, isAlive, temporaryFolder } from "@plexum/test-support";
import { expect, onTestFinished, test, vi } from "vitest";

const OWNER = fileURLToPath(new URL("../test/turn-owner.ts", import.meta.url));

const read = (path: string) => {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
};

/** The shell that would become the watchdog. */
const guardOf = (pid: number) =>
  read(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .map(Number)
    .find((child) => read(`/proc/${child}/comm`) === "sh\n");

test("leftovers of a turn are found and ended after its owner and guard were killed; a running turn is left alone", async () => {
  await using folder = await temporaryFolder();
  await using model = await ScriptedModel.start([{ kind: "hang" }]);
  await using home = await CodexHome.create({ baseUrl: model.baseUrl });
  vi.stubEnv("TMPDIR", folder.path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const owner = spawn(process.execPath, [OWNER, newestCodex.path, join(folder.path, "workspace")], {
    env: { ...home.env, TMPDIR: folder.path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void owner.kill("SIGKILL"));
  const [said] = await once(owner.stdout.setEncoding("utf8"), "data");
  const codex = Number(said);
  await eventually("codex asks the model", () => model.requests.length > 0);
  const image = /codex-images-[\w-]+/.exec(read(`/proc/${codex}/cmdline`))?.[0] ?? "";
  const images = join(folder.path, image);
  expect(existsSync(images)).toBe(true);
  const anHourAgo = Date.now() / 1000 - 3600;
  await utimes(images, anHourAgo, anHourAgo);
  const ofThisTest = () => orphanedTurns().filter((turn) => turn.owner === owner.pid);

  expect(ofThisTest()).toEqual([]);
  expect(await imageLeftovers()).toEqual([]);

  process.kill(guardOf(owner.pid as number) as number, "SIGKILL");
  owner.kill("SIGKILL");
  await once(owner, "exit");
  expect(isAlive(codex)).toBe(true);
  const [orphaned, ...others] = ofThisTest();
  expect(others).toEqual([]);
  expect(orphaned?.processes).toContainEqual({ pid: codex, command: expect.stringContaining("codex exec --image") });
  expect(orphanedTurns({ where: ({ CODEX_HOME }) => CODEX_HOME === home.path })).toMatchObject([{ owner: owner.pid }]);
  expect(orphanedTurns({ where: ({ CODEX_HOME }) => CODEX_HOME === folder.path })).toEqual([]);
  // codex still uses it.
  expect(await imageLeftovers()).toEqual([]);

  await orphaned?.end();
  expect(isAlive(codex)).toBe(false);
  expect(ofThisTest()).toEqual([]);
  const [left] = await imageLeftovers();
  expect(left?.path).toBe(images);
  await left?.remove();
  expect(existsSync(images)).toBe(false);
});
