import { readdir, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { ProfileError } from "./errors.ts";
import type { Json } from "./json-edit.ts";
import { BARE_NAME, type Places } from "./places.ts";
import { isThere, makeFolder, move, readText, replaceFile, sweep, temporaryFor, unusable } from "./replace-file.ts";

const recordSchema = z.object({
  version: z.string(),
  /** The folder of the program that the launcher starts, and of the previous one, which a host may still run. */
  program: z.string(),
  previousProgram: z.string().optional(),
  /** What was created for the entry in `plexum.json`. */
  allow: z.enum(["file", "plugins", "allow", "entry", "nothing"]),
  config: z.object({
    made: z.boolean(),
    keys: z.record(z.string(), z.object({ set: z.array(z.json() as z.ZodType<Json>), before: z.string().optional() })),
  }),
  /**
   * The files in the plugin's folder, by name. If `before-install` has a file of that name, that one is another plugin's and
   * the one in place is ours. Otherwise this says whose the one in place is. "theirs" was not moved away yet, or is restored.
   */
  files: z.record(z.string().regex(BARE_NAME), z.enum(["ours", "theirs"])),
  /** How many folders had to be created: the plugin's, `plugins`, the profile, and so on. */
  madeFolders: z.number(),
});

/**
 * What an installation changed in a profile, so that it can be undone. It is kept in the plugin's folder, written before
 * anything else and removed after everything else.
 */
export type InstallRecord = z.infer<typeof recordSchema>;

/**
 * Reads the record. Returns undefined if there is none.
 * @throws ProfileError `invalid_file` if the file is not such a record.
 */
export async function readRecord({ record: path }: Places): Promise<InstallRecord | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    const remedy = "remove it to forget that installation";
    throw new ProfileError("invalid_file", `${path} is not a record of an installation: ${remedy}.`, { cause });
  }
}

/** Writes the record. Missing folders are created with it in one step, so a folder of ours always has a record. */
export async function writeRecord({ record: path, folder, config }: Places, record: InstallRecord): Promise<void> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  if ((await readText(path)) === text) return;
  const top = (await missingFolders(folder)).at(-1);
  // The record contains some of the config's text, so a private config needs a private record.
  const mode = (await stat(config).catch(() => undefined))?.mode;
  if (top === undefined) return replaceFile(path, text, mode && mode & 0o777);
  const staged = temporaryFor(top);
  try {
    await makeFolder(join(staged, relative(top, folder)));
    await replaceFile(join(staged, relative(top, path)), text);
    await move(staged, top);
  } catch (error) {
    await rm(staged, { recursive: true, force: true });
    throw unusable(path, "written", error);
  }
}

/** Removes the record, with the folders that were created for it and contain nothing else, in one step. */
export async function removeRecord({ record: path, folder }: Places, { madeFolders }: InstallRecord): Promise<void> {
  try {
    let top: string | undefined;
    for (let at = folder, left = madeFolders; left > 0 && (await readdir(at)).length === 1; left--) {
      top = at;
      at = dirname(at);
    }
    if (top === undefined) return await rm(path);
    const going = temporaryFor(top);
    await move(top, going);
    await rm(going, { recursive: true });
  } catch (error) {
    throw unusable(path, "removed", error);
  }
}

/** Returns those of the folder and its parents that are missing, the topmost last. */
export async function missingFolders(folder: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = folder; !(await isThere(at)); at = dirname(at)) missing.push(at);
  return missing;
}

/** Removes temporary files and folders of a killed process: new contents of a file, and folders created or removed with the record. */
export async function sweepPlaces(places: Places, record: InstallRecord | undefined): Promise<void> {
  for (const path of Object.values(places)) await sweep(path);
  for (const name of Object.keys(record?.files ?? {})) await sweep(join(places.folder, name));
  for (let at = dirname(places.folder); at !== dirname(at); at = dirname(at)) await sweep(at);
}
