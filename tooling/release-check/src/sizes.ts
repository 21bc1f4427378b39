import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { dependencyClosure } from "./installed-packages.ts";
import { packWorkspacePackage } from "./packed-package.ts";
import { readTarball } from "./tarball.ts";
import { publicPackages, repository } from "./workspace-packages.ts";

/** Sizes in kilobytes of 1000 bytes, rounded. */
export interface PackageSize {
  readonly name: string;
  /** The size of the tarball. */
  readonly packed: number;
  /** The size of the files in it. */
  readonly unpacked: number;
  /** The size with all dependencies. */
  readonly installed: number;
  /** The number of packages, including itself. */
  readonly packages: number;
}

export const SIZES_FILE = join(repository, "docs", "package-sizes.md");

export async function measureSizes(): Promise<PackageSize[]> {
  const packages = await publicPackages();
  const bytes = new Map<string, { packed: number; unpacked: number }>();
  for (const { folder } of packages) {
    const tarball = await packWorkspacePackage(folder);
    const files = [...(await readTarball(tarball)).values()];
    bytes.set(folder, { packed: tarball.length, unpacked: sum(files.map((file) => file.length)) });
  }
  const kilobytes = (size: number) => Math.round(size / 1000);
  return Promise.all(
    packages.map(async ({ name, folder, manifest }) => {
      const closure = await dependencyClosure(folder, Object.keys(manifest.dependencies ?? {}));
      const { packed, unpacked } = bytes.get(folder) as { packed: number; unpacked: number };
      const others = closure.map((dependency) => bytes.get(dependency.folder)?.unpacked ?? sizeOf(dependency.folder));
      const installed = unpacked + sum(await Promise.all(others));
      return {
        name,
        packed: kilobytes(packed),
        unpacked: kilobytes(unpacked),
        installed: kilobytes(installed),
        packages: 1 + closure.length,
      };
    }),
  );
}

/** Returns the page docs/package-sizes.md. */
export function formatSizes(sizes: readonly PackageSize[]): string {
  const head = ["package", "packed", "unpacked", "installed", "packages"];
  const rows = sizes.map(({ name, packed, unpacked, installed, packages }) => [
    `\`${name}\``,
    ...[packed, unpacked, installed].map((size) => `${size} kB`),
    String(packages),
  ]);
  const widths = head.map((cell, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? cell).length)));
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => (column ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[0] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  return `# What an installation includes

For each public package: its tarball, the files in it, the files with all dependencies, and the number of packages, including
itself. Sizes are in kilobytes of 1000 bytes. [Decision 016](decisions/016-package-sizes.md) says what keeps them small.

Written by \`pnpm run size --write\`. A test fails if a size is wrong by more than ${TOLERANCE * 100} % and by more than ${SLACK} kB, or if a
number of packages is wrong. So growth of an installation is visible in the change that causes it.

${[line(head), line(rule), ...rows.map(line)].join("\n")}
`;
}

export const TOLERANCE = 0.03;
export const SLACK = 3;

/** Reads the sizes from the page, for comparison. */
export async function readSizes(): Promise<PackageSize[]> {
  const text = await readFile(SIZES_FILE, "utf8");
  const row = /^\| `([^`]+)` +\| +(\d+) kB \| +(\d+) kB \| +(\d+) kB \| +(\d+) \|$/gm;
  return Array.from(text.matchAll(row), ([, name = "", ...figures]) => {
    const [packed = 0, unpacked = 0, installed = 0, packages = 0] = figures.map(Number);
    return { name, packed, unpacked, installed, packages };
  });
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
    .filter(({ entry, path }) => entry.isFile() && !path.startsWith(join(folder, "node_modules")));
  return sum(await Promise.all(files.map(async ({ path }) => (await stat(path)).size)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
