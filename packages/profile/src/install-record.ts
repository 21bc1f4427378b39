import { rm, stat } from "node:fs/promises";
import { z } from "zod";
import { ProfileError } from "./errors.ts";
import type { Json } from "./json-edit.ts";
import type { Places } from "./places.ts";
import { readText, replaceFile, sweep } from "./replace-file.ts";

const recordSchema = z.object({
  version: z.string(),
  /** The folder of the program that the launcher starts, and of the one before it, which a host may still run. */
  program: z.string(),
  previousProgram: z.string().optional(),
  /** What was made for the entry in `plexum.json`. */
  allow: z.enum(["file", "plugins", "allow", "entry", "nothing"]),
  config: z.object({
    made: z.boolean(),
    keys: z.record(z.string(), z.object({ set: z.array(z.json() as z.ZodType<Json>), before: z.string().optional() })),
  }),
  /** Files of another plugin of this name, set aside. */
  setAside: z.array(z.string()),
  /** The topmost folder that had to be made. */
  madeFolder: z.string().optional(),
});

/** What an installation changed in a profile, so that it can be undone. It stands in the plugin's folder, written first and removed last. */
export type InstallRecord = z.infer<typeof recordSchema>;

/** @throws ProfileError `invalid_file` if what stands there was not written here. */
export async function readRecord({ record: path }: Places): Promise<InstallRecord | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    const remedy = "remove it, and what it says of the installation is forgotten";
    throw new ProfileError("invalid_file", `${path} is not a record of an installation: ${remedy}.`, { cause });
  }
}

export async function writeRecord({ record: path, config }: Places, record: InstallRecord): Promise<void> {
  const text = `${JSON.stringify(record, null, 2)}\n`;
  if ((await readText(path)) === text) return;
  // The record has some of the config's text, and what is private there is private here.
  const mode = (await stat(config).catch(() => undefined))?.mode;
  await replaceFile(path, text, mode && mode & 0o777);
}

export async function removeRecord({ record: path }: Places): Promise<void> {
  await sweep(path);
  await rm(path, { force: true });
}
