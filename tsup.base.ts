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

/** A published library: one output a public entry, with declarations. Its maps lead to the `src` that is published along. */
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

/** A program: the workspace's own packages and their dependencies are bundled in, so that it starts fast and installs as one package. */
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
 * Parts of dependencies that bundlers keep and that our programs never use, by what replaces them.
 * - zod: its messages in all languages. Its default, English, is imported by itself.
 * - The MCP SDK: the validator for what a server asks of a user, with ajv behind it. Our servers ask nothing.
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
 * A program's maps carry its sources inside: this repository's alone, since whoever reads a stack trace wants those. The
 * dependencies' sources and positions would be two thirds of the maps. Their code stays marked as code without a source,
 * so that it is not mistaken for what precedes it on its line. Of each source line the beginning is kept: a stack
 * trace needs no columns, and they would be two thirds of what is left.
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

/** True where a segment of a map leads to the same line of a source as the one before, or both lead to none. */
const isSameLine = ([, source, line]: SourceMapSegment, before: SourceMapSegment | undefined): boolean =>
  before !== undefined && before[1] === source && before[2] === line;

/** The licenses of what is bundled go along with it, as most of them ask for. The maps tell what that is. */
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
