import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type CodexInstall, installedCodex, newestCodex } from "@plexum/real-codex";

/** Names a folder in which npm installed `@openai/codex`. If set, the tests run only on that codex. */
const UNDER_TEST = "CODEX_UNDER_TEST";

/** The oldest supported codex. */
export const oldestCodex = installedCodex("codex-0.135", import.meta.url);

/**
 * Returns the codexes that a test runs on: the oldest supported, those in between, the newest; or only the one that the
 * environment variable `CODEX_UNDER_TEST` names.
 *
 * @param between Versions in which something changed that the test checks.
 */
export function testedCodexes(...between: CodexInstall[]): CodexInstall[] {
  const folder = process.env[UNDER_TEST];
  if (folder === undefined) return [oldestCodex, ...between, newestCodex];
  // Checked by hand: require would also look in the parent folders and in NODE_PATH.
  if (!existsSync(join(folder, "node_modules/@openai/codex/package.json")))
    throw new Error(`${UNDER_TEST} is ${folder}: install codex there with "npm install @openai/codex@<version>"`);
  return [installedCodex("@openai/codex", resolve(folder, "package.json"))];
}

const { compare } = new Intl.Collator("en", { numeric: true });

/** Returns a predicate: whether a codex has this version or a later one, for behavior that began then. */
export const since =
  (version: string) =>
  (codex: CodexInstall): boolean =>
    compare(codex.version, version) >= 0;
