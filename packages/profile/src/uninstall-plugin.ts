import { rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Change } from "./change.ts";
import { unsetKeys } from "./config-keys.ts";
import { inFile, ProfileError } from "./errors.ts";
import { type InstallRecord, readRecord, removeRecord, sweepPlaces, writeRecord } from "./install-record.ts";
import { type Places, placesOf } from "./places.ts";
import { disallowPlugin } from "./plexum-json.ts";
import { isThere, move, readText, replaceFile, unusable } from "./replace-file.ts";

export interface UninstallOptions {
  readonly profile: string;
  readonly name: string;
}

/**
 * Undoes `installPlugin`: removes what it created and restores what was there before. What the user changed since stays.
 *
 * @returns what was changed.
 * @throws ProfileError `not_installed` if the profile has no record of an installation; `invalid_file`, `io`.
 */
export async function uninstallPlugin({ profile, name }: UninstallOptions): Promise<Change[]> {
  const places = placesOf(profile, name);
  const record = await readRecord(places);
  await sweepPlaces(places, record);
  if (record === undefined)
    throw new ProfileError(
      "not_installed",
      `${places.folder} has no install.json: ${name} was not installed there, or was installed by hand. Pass the right profile, or remove the folder yourself.`,
    );
  const settings = await readText(places.settings);
  const config = await readText(places.config);
  const settingsAfter = inFile(places.settings, () => settings && disallowPlugin(settings, name, record.allow));
  const configAfter = inFile(places.config, () => config && unsetKeys(config, record.config));
  const files = await withOthers(places, record);

  // If this is killed, the next call has to know that the files it finds may be restored ones.
  await writeRecord(places, { ...record, files });
  const changes = await put(places.settings, settings, settingsAfter, `without "${name}" in plugins.allow`);
  for (const file of Object.keys(files)) changes.push(...(await restore(places, file, files)));
  changes.push(...(await put(places.config, config, configAfter, "without the keys that the installation set")));
  // The user may have put something else there.
  await rmdir(places.setAside).catch(() => {});
  await removeRecord(places, record);
  return changes;
}

/** Returns whose each file is once those that were set aside are restored. */
async function withOthers({ setAside }: Places, { files }: InstallRecord): Promise<InstallRecord["files"]> {
  const after = { ...files };
  for (const name of Object.keys(files)) if (await isThere(join(setAside, name))) after[name] = "theirs";
  return after;
}

async function put(
  path: string,
  before: string | undefined,
  after: string | undefined,
  note: string,
): Promise<Change[]> {
  if (before === after) return [];
  if (after === undefined) return remove(path, "nothing else was in it");
  await replaceFile(path, after);
  return [{ path, what: "changed", note }];
}

/** Removes a file of ours, and restores the one that was set aside for it. */
async function restore({ folder, setAside }: Places, name: string, files: InstallRecord["files"]): Promise<Change[]> {
  const path = join(folder, name);
  const aside = join(setAside, name);
  const isAside = await isThere(aside);
  // Not set aside yet, or restored already.
  if (files[name] === "theirs" && !isAside) return [];
  const removed = await remove(path, "the installation's");
  if (!isAside) return removed;
  await move(aside, path).catch((cause) => {
    throw unusable(path, "written", cause);
  });
  return [{ path, what: "restored", note: "as it was before the installation" }];
}

async function remove(path: string, note: string): Promise<Change[]> {
  if (!(await isThere(path))) return [];
  await rm(path, { recursive: true, force: true }).catch((cause) => {
    throw unusable(path, "removed", cause);
  });
  return [{ path, what: "removed", note }];
}
