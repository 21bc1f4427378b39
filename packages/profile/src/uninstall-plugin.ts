import { existsSync } from "node:fs";
import { rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { disallowPlugin } from "./allow-entry.ts";
import type { Change } from "./change.ts";
import { unsetKeys } from "./config-keys.ts";
import { inFile, ProfileError } from "./errors.ts";
import { type InstallRecord, readRecord, removeRecord } from "./install-record.ts";
import { type Places, placesOf } from "./places.ts";
import { readText, replaceFile, sweep, unusable } from "./replace-file.ts";

export interface UninstallOptions {
  readonly profile: string;
  readonly name: string;
  /** The bare name of the launcher. */
  readonly executable: string;
}

/**
 * Undoes `installPlugin`: what it made is removed, what stood there before is back. What a person has changed since stays.
 *
 * @returns what was changed.
 * @throws ProfileError `not_installed` if the profile has no record of an installation; `invalid_file`, `io`.
 */
export async function uninstallPlugin({ profile, name, executable }: UninstallOptions): Promise<Change[]> {
  const places = placesOf(profile, name);
  const record = await readRecord(places);
  if (record === undefined)
    throw new ProfileError(
      "not_installed",
      `${places.folder} has no install.json: ${name} was not installed there, or by hand. Give the right profile, or remove the folder yourself.`,
    );
  const settings = await readText(places.settings);
  const config = await readText(places.config);
  const settingsAfter = inFile(places.settings, () => settings && disallowPlugin(settings, name, record.allow));
  const configAfter = inFile(places.config, () => config && unsetKeys(config, record.config));

  const changes = [
    ...(await put(places.settings, settings, settingsAfter, `without "${name}" in plugins.allow`)),
    ...(await takeOut(places, executable, record)),
    ...(await takeOut(places, "manifest.json", record)),
    ...(await put(places.config, config, configAfter, "without what the installation had set")),
    ...(await remove(places.programs, "the program")),
  ];
  await removeRecord(places);
  await removeEmptyFolders(places, record.madeFolder);
  return changes;
}

async function put(path: string, before: string | undefined, after: string | undefined, note: string) {
  if (before === undefined || before === after) return [];
  if (after === undefined) return remove(path, "nothing else was in it");
  await replaceFile(path, after);
  return [{ path, what: "changed", note } satisfies Change];
}

/** Removes a file of ours, and brings back what stood in its place. */
async function takeOut({ folder, setAside }: Places, name: string, record: InstallRecord): Promise<Change[]> {
  const path = join(folder, name);
  const aside = join(setAside, name);
  if (!record.setAside.includes(name) || !existsSync(aside)) return remove(path, "");
  await rename(aside, path).catch((cause) => {
    throw unusable(path, "written", cause);
  });
  return [{ path, what: "restored", note: "as it was before the installation" }];
}

async function remove(path: string, note: string): Promise<Change[]> {
  await sweep(path);
  if (!existsSync(path)) return [];
  await rm(path, { recursive: true, force: true }).catch((cause) => {
    throw unusable(path, "removed", cause);
  });
  return [{ path, what: "removed", note }];
}

/** The folders that were made, as far as nothing else stands in them. */
async function removeEmptyFolders({ setAside, folder }: Places, madeFolder: string | undefined): Promise<void> {
  const rmdirIfEmpty = (path: string) =>
    rmdir(path).then(
      () => true,
      () => false,
    );
  await rmdirIfEmpty(setAside);
  if (madeFolder === undefined) return;
  for (let path = folder; path.length >= madeFolder.length; path = dirname(path))
    if (!(await rmdirIfEmpty(path))) return;
}
