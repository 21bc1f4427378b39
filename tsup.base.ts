import { glob, readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { decode, encode, type SourceMapSegment } from "@jridgewell/sourcemap-codec";
import { defineConfig, type Options } from "tsup";

const shared: Options = {
  format: "esm",
  target: "node22",
  platform: "node",
  sourcemap: true,
  clean: true,
  treeshake: true,
  // Some builtins exist only under their `node:` name.
  removeNodeProtocol: false,
};

/** Builds a published library: one output for each public entry, with declarations. Its source maps refer to `src`, which is published with it. */
export function library(entry: string[]) {
  return defineConfig({
    ...shared,
    entry,
    dts: true,
    esbuildOptions(options) {
      options.sourcesContent = false;
    },
  });
}

/** Builds a program. It bundles the workspace's packages and their dependencies, so that it starts fast and installs as one package. */
export function program(entry: Record<string, string>) {
  return defineConfig({
    ...shared,
    entry,
    splitting: true,
    minify: true,
    noExternal: [/.*/],
    esbuildPlugins: [withoutUnused],
    async onSuccess() {
      await writeLicenses();
      await keepOwnSources();
    },
  });
}

/**
 * Parts of dependencies that bundlers keep but our programs never use, and their replacements.
 * - zod: its messages in all languages. Its default, English, is imported separately.
 * - The MCP SDK: the validator of the user's answers to a server, which uses ajv. Our servers ask the user nothing.
 */
const UNUSED = [
  { path: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/, contents: "" },
  {
    path: /[\\/]@modelcontextprotocol[\\/]sdk[\\/]dist[\\/]esm[\\/]validation[\\/]ajv-provider\.js$/,
    contents: "export class AjvJsonSchemaValidator {}",
  },
];

type Plugin = NonNullable<Options["esbuildPlugins"]>[number];

const withoutUnused: Plugin = {
  name: "without-unused",
  setup(build) {
    for (const { path, contents } of UNUSED) build.onLoad({ filter: path }, () => ({ contents }));
  },
};

/**
 * Removes from a program's source maps what a stack trace of our code does not need. The maps contain only the sources of this repository:
 * the dependencies' sources and positions would be two thirds of the maps. The dependencies' code stays marked as code without a source, so
 * that it is not taken for the code before it on the line. Only the beginning of each source line is mapped: a stack trace needs no
 * columns, which would be two thirds of the rest.
 */
async function keepOwnSources(): Promise<void> {
  for await (const file of glob("dist/*.js.map")) {
    const map = JSON.parse(await readFile(file, "utf8"));
    const isOwn = map.sources.map((source: string) => !source.includes("node_modules/"));
    const lines = decode(map.mappings).map((line) =>
      line
        .map((segment): SourceMapSegment => (isOwn[segment[1] ?? -1] ? segment : [segment[0]]))
        .filter((segment, index, all) => !isSameLine(segment, all[index - 1])),
    );
    map.sources = map.sources.map((source: string, index: number) => (isOwn[index] ? source : null));
    map.sourcesContent = map.sources.map((source: string | null, index: number) => source && map.sourcesContent[index]);
    await writeFile(file, JSON.stringify({ ...map, mappings: encode(lines) }));
  }
}

/** Returns whether a segment of a map refers to the same source line as the one before, or both refer to none. */
const isSameLine = ([, source, line]: SourceMapSegment, before: SourceMapSegment | undefined): boolean =>
  before !== undefined && before[1] === source && before[2] === line;

/** Writes the licenses of the bundled packages, as most of them require. The source maps show which packages are bundled. */
async function writeLicenses(): Promise<void> {
  const folders = new Set<string>();
  for await (const file of glob("dist/*.js.map")) {
    for (const source of JSON.parse(await readFile(file, "utf8")).sources as string[]) {
      const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source) ?? [];
      if (folder !== undefined) folders.add(relative(".", join("dist", folder)));
    }
  }
  const notices = await Promise.all([...folders].map(noticeOf));
  await writeFile("dist/THIRD-PARTY-LICENSES.txt", `${[...new Set(notices)].sort().join("\n\n")}\n`);
}

async function noticeOf(folder: string): Promise<string> {
  const { name, version, license, author, repository } = JSON.parse(
    await readFile(join(folder, "package.json"), "utf8"),
  );
  const file = (await readdir(folder)).find((name) => /^licen[cs]e(\.|$)/i.test(name));
  const by = `By ${author?.name ?? author}, ${repository?.url ?? repository}. The package has no file with its license.`;
  const text = file === undefined ? by : await readFile(join(folder, file), "utf8");
  return `${name} ${version} (${license})\n\n${text.trim()}`;
}
