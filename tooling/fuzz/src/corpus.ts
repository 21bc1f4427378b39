import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FuzzTarget } from "./fuzz-target.ts";

const CORPUS = join(import.meta.dirname, "..", "corpus");

/** The name prefix of inputs that once broke a target. The tests run them forever. */
const KEPT = /^found-/;

/** Returns the real inputs from which random ones are made, one per file. */
export const seedsOf = ({ name, seedsOf }: Pick<FuzzTarget, "name" | "seedsOf">): Buffer[] =>
  read(seedsOf ?? name, (file) => !KEPT.test(file));

/** Returns the inputs that once broke the target. */
export const keptInputs = ({ name }: Pick<FuzzTarget, "name">): Buffer[] => read(name, (file) => KEPT.test(file));

/** Saves an input that broke the target, and returns its path. */
export function keepInput({ name }: Pick<FuzzTarget, "name">, bytes: Uint8Array): string {
  mkdirSync(join(CORPUS, name), { recursive: true });
  const path = join(CORPUS, name, `found-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}`);
  writeFileSync(path, bytes);
  return path;
}

function read(name: string, isWanted: (file: string) => boolean): Buffer[] {
  if (!existsSync(join(CORPUS, name))) return [];
  return readdirSync(join(CORPUS, name))
    .filter(isWanted)
    .sort()
    .map((file) => readFileSync(join(CORPUS, name, file)));
}
