import { readdir, rename, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { allowPlugin } from "./allow-entry.ts";
import type { Change } from "./change.ts";
import { setKeys, settleKeys } from "./config-keys.ts";
import { inFile } from "./errors.ts";
import { type InstallRecord, readRecord, writeRecord } from "./install-record.ts";
import type { Json } from "./json-edit.ts";
import { launcherScript } from "./launcher.ts";
import { checkName, launcherIn, type Places, placesOf } from "./places.ts";
import { copyProgram, type Program, readProgram, removeOtherPrograms } from "./program.ts";
import { isThere, makeFolder, readText, replaceFile, unusable } from "./replace-file.ts";

export interface InstallOptions {
  /** The profile's folder; made if it is not there. */
  readonly profile: string;
  /** What goes into `manifest.json`. `executable` is the bare name of the launcher. */
  readonly manifest: {
    readonly name: string;
    readonly version: string;
    readonly executable: string;
    readonly [key: string]: unknown;
  };
  readonly program: Program;
  /** The Node that is to run it: an absolute path. Default: the one that runs this. */
  readonly node?: string;
  /** Values for keys of the plugin's `config.json`; its other keys stay. Default: none, and no file is made. */
  readonly config?: { readonly [key: string]: Json };
}

/**
 * Puts a plugin into a profile: its program, its manifest, a launcher that needs no PATH, its config, and its name among
 * those that the host may start. All that stands there already stays as it is, byte for byte. A second call changes
 * nothing; one with another version takes the place of the first. `uninstallPlugin` undoes it.
 *
 * @returns what was changed, in the order in which it was.
 * @throws ProfileError before anything is changed, if a file is not as expected; `io` also later.
 */
export async function installPlugin(options: InstallOptions): Promise<Change[]> {
  const { profile, manifest, program, node = process.execPath, config = {} } = options;
  const places = placesOf(profile, manifest.name);
  const launcher = launcherIn(places, manifest.executable);
  checkName("a version", manifest.version);
  const built = await readProgram(program, manifest.version);
  const [settingsText, configText] = [await readText(places.settings), await readText(places.config)];
  const settings = inFile(places.settings, () => allowPlugin(settingsText, manifest.name));
  const earlier = await readRecord(places);
  const settled = inFile(places.config, () => setKeys(configText, config, earlier?.config));
  const manifestText = `${JSON.stringify(manifest, null, 2)}\n`;

  const madeFolder = await makeMissing(places.programs);
  const copied = await copyProgram(built, places.programs);
  const copy = join(places.programs, built.name);
  const script = launcherScript({ name: manifest.name, node, main: join(copy, program.main), profile });
  const wanted = { [manifest.executable]: script, [basename(places.manifest)]: manifestText };
  // A file that is there before the first installation is another's.
  const asideNow = earlier === undefined ? await setAside(places, wanted) : [];
  const record: InstallRecord = {
    version: manifest.version,
    program: built.name,
    previousProgram: earlier?.program === built.name ? earlier.previousProgram : earlier?.program,
    allow: settings.made === "nothing" && earlier !== undefined ? earlier.allow : settings.made,
    config: settled.recorded,
    setAside: earlier?.setAside ?? (await namesAside(places, wanted)),
    madeFolder: earlier === undefined ? madeFolder : earlier.madeFolder,
  };
  await writeRecord(places, record);

  const programNote = `the program, ${manifest.version}`;
  const changes: Change[] = [
    { path: copy, what: copied ? "created" : "unchanged", note: programNote },
    ...asideNow,
    ...(settled.text === undefined ? [] : [await write(places.config, settled.text, configNote(config))]),
    await write(places.manifest, manifestText, "what the host is told of the plugin"),
    await write(launcher, script, `the launcher, by ${node}`, 0o755),
    await write(places.settings, settings.text, `"${manifest.name}" in plugins.allow`),
    ...(await removeOld(places, record)),
  ];
  await writeRecord(places, { ...record, config: settleKeys(record.config) });
  return changes;
}

const configNote = (config: object) =>
  Object.entries(config)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(", ");

/** @returns the topmost folder that was not there. */
async function makeMissing(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let folder = path; !(await isThere(folder)); folder = dirname(folder)) missing.push(folder);
  await makeFolder(path).catch((cause) => {
    throw unusable(path, "written", cause);
  });
  return missing.at(-1);
}

/** Moves away what stands where ours is to stand: a plugin of the same name that was put there in another way. */
async function setAside(places: Places, wanted: Record<string, string>): Promise<Change[]> {
  const changes: Change[] = [];
  for (const [name, text] of Object.entries(wanted)) {
    const path = join(places.folder, name);
    const present = await stat(path).catch(() => undefined);
    // A large one is no script of ours, and need not be read.
    if (!present || (present.size < 64 * 1024 && (await readText(path).catch(() => undefined)) === text)) continue;
    const aside = join(places.setAside, name);
    await makeMissing(places.setAside);
    await rename(path, aside).catch((cause) => {
      throw unusable(path, "written", cause);
    });
    changes.push({ path, what: "set aside", note: `it is another's, and now ${aside}` });
  }
  return changes;
}

async function namesAside(places: Places, wanted: Record<string, string>): Promise<string[]> {
  const there: string[] = await readdir(places.setAside).catch(() => []);
  return Object.keys(wanted).filter((name) => there.includes(name));
}

async function write(path: string, text: string, note: string, mode?: number): Promise<Change> {
  const before = await readText(path);
  if (before === text && (mode === undefined || (await hasMode(path, mode)))) return { path, what: "unchanged", note };
  await replaceFile(path, text, mode);
  return { path, what: before === undefined ? "created" : "changed", note };
}

/** Windows has no such modes. */
const hasMode = async (path: string, mode: number) =>
  process.platform === "win32" || ((await stat(path)).mode & 0o777) === mode;

/** A host that has not been started anew still runs the program before this one: that stays. */
async function removeOld(places: Places, { program, previousProgram }: InstallRecord): Promise<Change[]> {
  const removed = await removeOtherPrograms(places.programs, [program, previousProgram]);
  return removed.map((name) => ({ path: join(places.programs, name), what: "removed", note: "an older program" }));
}
