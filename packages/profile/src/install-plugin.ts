import { stat } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Change } from "./change.ts";
import { setKeys, settleKeys } from "./config-keys.ts";
import { inFile, ProfileError } from "./errors.ts";
import { type InstallRecord, missingFolders, readRecord, sweepPlaces, writeRecord } from "./install-record.ts";
import type { Json } from "./json-edit.ts";
import { launcherScript } from "./launcher.ts";
import { checkName, launcherIn, type Places, placesOf } from "./places.ts";
import { allowPlugin } from "./plexum-json.ts";
import { copyProgram, type Program, readProgram, removeOtherPrograms } from "./program.ts";
import { isThere, makeFolder, move, readText, replaceFile, unusable } from "./replace-file.ts";

export interface InstallOptions {
  /** The profile's folder. Created if it is missing. */
  readonly profile: string;
  /** The content of `manifest.json`. `executable` is the launcher's file name, without a folder. */
  readonly manifest: {
    readonly name: string;
    readonly version: string;
    readonly executable: string;
    readonly [key: string]: unknown;
  };
  readonly program: Program;
  /** The absolute path of the Node that is to run the plugin. Default: the Node that runs this. */
  readonly node?: string;
  /** Values for keys of the plugin's `config.json`. Its other keys stay. Default: none, and no file is created. */
  readonly config?: { readonly [key: string]: Json };
}

/**
 * Installs a plugin into a profile: its program, its manifest, a launcher that needs no PATH, its config, and its name among
 * those that the host may start. Everything that is already there stays, byte for byte. A second call changes nothing.
 * A call with another version replaces the first one. `uninstallPlugin` undoes the installation.
 *
 * @returns what was changed, in order.
 * @throws ProfileError if a file is not as expected, before anything is changed; `io` also later.
 */
export async function installPlugin(options: InstallOptions): Promise<Change[]> {
  const { profile, manifest, program, node = process.execPath, config = {} } = options;
  const places = placesOf(profile, manifest.name);
  const launcher = launcherIn(places, manifest.executable);
  checkName("a version", manifest.version);
  const built = await readProgram(program, manifest.version);
  const [settingsText, configText] = [await readText(places.settings), await readText(places.config)];
  const earlier = await readRecord(places);
  const settings = inFile(places.settings, () => allowPlugin(settingsText, manifest.name));
  const settled = inFile(places.config, () => setKeys(configText, config, earlier?.config));

  const ours = [launcher, places.manifest, places.programs];
  const record: InstallRecord = {
    version: manifest.version,
    program: built.name,
    previousProgram: earlier?.program === built.name ? earlier.previousProgram : earlier?.program,
    allow: settings.made === "nothing" && earlier !== undefined ? earlier.allow : settings.made,
    config: settled.recorded,
    files: await findOthers(places, ours, earlier),
    madeFolders: earlier?.madeFolders ?? (await missingFolders(places.folder)).length,
  };
  await sweepPlaces(places, record);
  await writeRecord(places, record);

  const copy = join(places.programs, built.name);
  const script = launcherScript({ name: manifest.name, node, main: join(copy, program.main), profile });
  const changes: Change[] = [
    ...(await setAside(places, places.programs, record)),
    {
      path: copy,
      what: (await copyProgram(built, places.programs)) ? "created" : "unchanged",
      note: `the program, ${manifest.version}`,
    },
    ...(await setAside(places, launcher, record)),
    ...(await setAside(places, places.manifest, record)),
    ...(settled.text === undefined ? [] : [await write(places.config, settled.text, configNote(config))]),
    await write(places.manifest, `${JSON.stringify(manifest, null, 2)}\n`, "the plugin's manifest, for the host"),
    await write(launcher, script, `the launcher, which runs ${node}`, 0o755),
    await write(places.settings, settings.text, `"${manifest.name}" in plugins.allow`),
    ...(await removeOld(places, record)),
  ];
  // Now none of these files belongs to another plugin or an earlier installation.
  for (const path of ours) record.files[basename(path)] = "ours";
  await writeRecord(places, { ...record, config: settleKeys(record.config) });
  return changes;
}

/** Finds the files that belong to another plugin: those that were there before the first installation under that name. */
async function findOthers(places: Places, paths: readonly string[], earlier: InstallRecord | undefined) {
  const files = { ...earlier?.files };
  for (const path of paths) {
    const name = basename(path);
    if (files[name] === "ours") continue;
    const aside = join(places.setAside, name);
    const isAside = await isThere(aside);
    // It would be lost if another file were set aside under its name.
    if (isAside && files[name] === undefined)
      throw new ProfileError(
        "invalid_file",
        `${aside} was set aside by an installation that has no record: move it to where it belongs, or remove it.`,
      );
    files[name] = isAside || (await isThere(path)) ? "theirs" : "ours";
  }
  return files;
}

/** Moves away what is in the place of our file: a plugin of the same name that was installed in another way. */
async function setAside(places: Places, path: string, { files }: InstallRecord): Promise<Change[]> {
  const aside = join(places.setAside, basename(path));
  if (files[basename(path)] === "ours" || (await isThere(aside))) return [];
  try {
    await makeFolder(places.setAside);
    await move(path, aside);
  } catch (cause) {
    throw unusable(path, "written", cause);
  }
  return [{ path, what: "set aside", note: `not from this installer, moved to ${aside}` }];
}

const configNote = (config: object) =>
  Object.entries(config)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(", ");

async function write(path: string, text: string, note: string, mode?: number): Promise<Change> {
  // A file that can't be read is one of ours, damaged. The others were read earlier.
  const before = await readText(path).catch(() => "");
  if (before === text && (mode === undefined || (await hasMode(path, mode)))) return { path, what: "unchanged", note };
  await replaceFile(path, text, mode);
  return { path, what: before === undefined ? "created" : "changed", note };
}

/** Returns true on Windows, which has no such modes. */
const hasMode = async (path: string, mode: number) =>
  process.platform === "win32" || ((await stat(path)).mode & 0o777) === mode;

/** Removes old programs, but keeps the previous one: a host that was not restarted still runs it. */
async function removeOld(places: Places, { program, previousProgram }: InstallRecord): Promise<Change[]> {
  const removed = await removeOtherPrograms(places.programs, [program, previousProgram]);
  return removed.map((name) => ({ path: join(places.programs, name), what: "removed", note: "an older program" }));
}
