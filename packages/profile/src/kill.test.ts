import { lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { snapshot } from "../test/folder.ts";
import { survives } from "../test/mortal-files.ts";
import { NAME, setUp } from "../test/setup.ts";
import { ProfileError } from "./errors.ts";

vi.mock("node:fs/promises", async (importOriginal) => {
  const { mortalFiles } = await import("../test/mortal-files.ts");
  return mortalFiles(await importOriginal());
});

type At = Awaited<ReturnType<typeof setUp>>;

const profiles: [string, (at: At) => Promise<unknown>][] = [
  ["no profile", (at) => rm(at.profile, { recursive: true })],
  [
    "a private plexum.json and another plugin",
    async (at) => {
      await mkdir(join(at.profile, "plugins", "other"), { recursive: true });
      await writeFile(at.settings, '{"plugins": {"allow": ["other"]}}', { mode: 0o600 });
    },
  ],
  [
    "a plugin of the same name, partly with the content of ours",
    async (at) => {
      await mkdir(join(at.plugin, "program", "theirs"), { recursive: true });
      await writeFile(join(at.plugin, "program", "theirs", "a.js"), "1");
      await writeFile(at.launcher, "another's", { mode: 0o700 });
      await writeFile(at.manifest, `${JSON.stringify(at.options().manifest, null, 2)}\n`);
      await writeFile(at.config, '{"binary": "theirs" , "x": 1}');
      await writeFile(at.settings, `{"plugins": {"allow": ["${NAME}"]}}`, { mode: 0o600 });
    },
  ],
];

const install = (at: At) => at.install("1.0.0", { config: { binary: "/opt/codex" } });
const update = async (at: At) => {
  await at.program("second");
  await at.install("2.0.0", { config: { binary: "/usr/bin/codex", y: true } });
};
/** Without a record there is nothing left to uninstall. */
const uninstall = (at: At) =>
  at.uninstall().catch((error) => {
    if (!ProfileError.isInstance(error) || error.code !== "not_installed") throw error;
  });

type Step = (at: At) => Promise<unknown>;
const killed: [string, { first?: Step; dies: Step; next?: Step }][] = [
  ["installation", { dies: install }],
  ["installation, finished by another", { dies: install, next: install }],
  ["update", { first: install, dies: update }],
  ["update, finished by another", { first: install, dies: update, next: update }],
  ["uninstallation", { first: install, dies: uninstall }],
  ["uninstallation after an update", { first: async (at) => [await install(at), await update(at)], dies: uninstall }],
  ["uninstallation, and an installation", { first: install, dies: uninstall, next: install }],
];

describe.each(profiles)("in %s", (_name, prepare) => {
  test.each(killed)("a killed %s leaves nothing and loses nothing", { timeout: 120_000 }, async (_name, steps) => {
    await using at = await setUp();
    await prepare(at);
    const before = await snapshot(at.folder);
    const whole = steps.next && (await whatIsMadeBy(at, steps.first, steps.dies, steps.next));
    for (let change = 0, isOver = false; !isOver; change++) {
      await at.program("hello");
      await steps.first?.(at);
      isOver = await survives(change, () => steps.dies(at));
      await expectNothingPrivateToShow(at);
      if (steps.next !== undefined) {
        await steps.next(at);
        expect(await snapshot(at.profile), `change ${change}`).toEqual(whole);
      }
      // Then a second kill, at a different moment each time.
      if (change % 2 === 1) await survives((change * 5) % 23, () => uninstall(at));
      await uninstall(at);
      await at.program("hello");
      expect(await snapshot(at.folder), `change ${change}`).toEqual(before);
      expect(change).toBeLessThan(200);
    }
  });
});

/** Returns the profile as it is when nothing is killed. */
async function whatIsMadeBy(at: At, ...steps: (Step | undefined)[]) {
  for (const step of steps) await step?.(at);
  const made = await snapshot(at.profile);
  await at.uninstall();
  await at.program("hello");
  return made;
}

async function expectNothingPrivateToShow({ profile, settings }: At): Promise<void> {
  const modeOf = async (path: string) => (await lstat(path).catch(() => undefined))?.mode;
  if (((await modeOf(settings)) ?? 0o077) & 0o077) return;
  for (const name of await readdir(profile))
    if (name.startsWith(".plexum.json.")) expect(((await modeOf(join(profile, name))) as number) & 0o077).toBe(0);
}
