import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { ProfileError } from "./errors.ts";
import { belongAs, makeFolder, move, unusable } from "./replace-file.ts";

/** A plugin's program: a build in one folder that needs nothing but Node. */
export interface Program {
  /** The folder with the files to copy. */
  readonly folder: string;
  /** The file that Node runs, relative to the folder. */
  readonly main: string;
}

type FileTree = ReadonlyMap<string, Buffer>;

/** A program to copy. */
interface ProgramFiles {
  /** The name of the copy's folder: the version and the beginning of the hash. */
  readonly name: string;
  readonly files: FileTree;
  readonly hash: string;
}

/**
 * Reads a program's files.
 * @throws ProfileError `invalid_program` if the main file is missing, `io`.
 */
export async function readProgram(program: Program, version: string): Promise<ProgramFiles> {
  const files = new Map(await readTree(program.folder));
  if (!files.has(program.main.split(sep).join("/")))
    throw new ProfileError("invalid_program", `${join(program.folder, program.main)} is missing: build the plugin.`);
  // This makes Node load the files as ES modules, wherever they are.
  const esModules = `${JSON.stringify({ private: true, version, type: "module" }, null, 2)}\n`;
  if (!files.has("package.json")) files.set("package.json", Buffer.from(esModules));
  const hash = digest(files);
  return { name: `${version}-${hash.slice(0, 8)}`, files, hash };
}

/**
 * Copies a program into the folder `programs`, unless a complete copy is already there. This does not disturb a host that
 * runs another version: that has a folder of its own.
 *
 * @returns whether it had to be copied.
 */
export async function copyProgram({ name, files, hash }: ProgramFiles, programs: string): Promise<boolean> {
  const target = join(programs, name);
  if ((await digestOf(target)) === hash) return false;
  const staged = join(programs, `.${name}.${randomBytes(4).toString("hex")}`);
  try {
    await writeTree(staged, files);
    // Anything still there is damaged: the check above returns for a complete copy.
    await rm(target, { recursive: true, force: true });
    await move(staged, target);
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw unusable(target, "written", error);
  }
  return true;
}

/** Removes all programs except those to keep. Returns the names of the removed ones. */
export async function removeOtherPrograms(programs: string, keep: readonly (string | undefined)[]): Promise<string[]> {
  const others = (await readdir(programs).catch(() => [])).filter((name) => !keep.includes(name));
  for (const name of others) await rm(join(programs, name), { recursive: true, force: true });
  return others;
}

async function readTree(folder: string): Promise<FileTree> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const files = paths.map(async (path) => {
      return [relative(folder, path).split(sep).join("/"), await readFile(path)] as const;
    });
    return new Map(await Promise.all(files));
  } catch (error) {
    throw unusable(folder, "read", error);
  }
}

function digest(files: FileTree): string {
  const hash = createHash("sha256");
  for (const [path, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${JSON.stringify(path)} ${content.length}\n`).update(content);
  return hash.digest("hex");
}

async function digestOf(folder: string): Promise<string | undefined> {
  return (await stat(folder).catch(() => undefined)) && digest(await readTree(folder));
}

async function writeTree(folder: string, files: FileTree): Promise<void> {
  for (const [path, content] of files) {
    const file = join(folder, path);
    await makeFolder(dirname(file));
    await writeFile(file, content, { flag: "wx", flush: true });
    await belongAs(file, await stat(dirname(file)));
  }
}
