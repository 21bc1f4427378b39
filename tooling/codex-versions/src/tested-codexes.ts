import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CodexInstall, installedCodex, newestCodex } from "@plexum/real-codex";

/** A folder in which npm installed `@openai/codex`: the tests then run on that codex and no other. */
const UNDER_TEST = "CODEX_UNDER_TEST";

/** The oldest codex that is supported. */
export const oldestCodex = installedCodex("codex-0.135", import.meta.url);

/**
 * The codexes that a test runs on: the oldest supported, those between, the newest; or only the one that the environment
 * variable `CODEX_UNDER_TEST` names.
 *
 * @param between Those in which something changed that the test looks at.
 */
export function testedCodexes(...between: CodexInstall[]): CodexInstall[] {
  const folder = process.env[UNDER_TEST];
  if (folder === undefined) return [oldestCodex, ...between, newestCodex];
  // Looked for by hand: require would go on to look in the folders above it and in NODE_PATH.
  if (!existsSync(join(folder, "node_modules/@openai/codex/package.json")))
    throw new Error(`${UNDER_TEST} is ${folder}: install codex there, by "npm install @openai/codex@<version>"`);
  return [installedCodex("@openai/codex", resolve(folder, "package.json"))];
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** Whether a codex is of this version or a later one, for what codex began to do then. */
export const since =
  (version: string) =>
  (codex: CodexInstall): boolean =>
    compare(codex.version, version) >= 0;
