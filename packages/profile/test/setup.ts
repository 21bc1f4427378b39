import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type InstallOptions, installPlugin, uninstallPlugin } from "../src/index.ts";
import { temporaryFolder } from "./folder.ts";

export const NAME = "echo-provider";
const EXECUTABLE = "echo-provider-plugin";

/** Creates a program in a folder of its own, and an empty profile beside it. */
export async function setUp() {
  const folder = await temporaryFolder();
  const source = join(folder.path, "built");
  const profile = join(folder.path, "a profile");
  await mkdir(join(source, "parts"), { recursive: true });
  await mkdir(profile);
  const program = async (says: string) => {
    await writeFile(join(source, "main.js"), 'import { say } from "./parts/say.js";\nsay();\n');
    const out = `[${JSON.stringify(says)}, process.env.PLEXUM_PROFILE_ROOT, ...process.argv.slice(2)]`;
    await writeFile(join(source, "parts", "say.js"), `export const say = () => console.log(JSON.stringify(${out}));\n`);
  };
  await program("hello");
  const options = (version = "1.0.0", more: Partial<InstallOptions> = {}): InstallOptions => ({
    profile,
    manifest: { name: NAME, version, executable: EXECUTABLE },
    program: { folder: source, main: "main.js" },
    ...more,
  });
  const plugin = join(profile, "plugins", NAME);
  return {
    folder: folder.path,
    source,
    profile,
    plugin,
    launcher: join(plugin, EXECUTABLE),
    manifest: join(plugin, "manifest.json"),
    settings: join(profile, "plexum.json"),
    config: join(plugin, "config.json"),
    record: join(plugin, "install.json"),
    program,
    options,
    install: (version?: string, more?: Partial<InstallOptions>) => installPlugin(options(version, more)),
    uninstall: () => uninstallPlugin({ profile, name: NAME }),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
