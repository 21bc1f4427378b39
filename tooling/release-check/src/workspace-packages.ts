import { fileURLToPath } from "node:url";
import { getPackages } from "@manypkg/get-packages";

export const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** The part of a package.json that is used here. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly bin?: Record<string, string>;
  readonly exports?: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
  readonly [key: string]: unknown;
}

export interface WorkspacePackage {
  readonly name: string;
  readonly folder: string;
  /** The folder inside the repository, with forward slashes. */
  readonly path: string;
  readonly manifest: Manifest;
}

/** Returns the packages that changesets publishes, found in the same way: all workspace packages that are not private. */
export async function publicPackages(): Promise<WorkspacePackage[]> {
  const { packages } = await getPackages(repository);
  return packages
    .map(({ dir, relativeDir, packageJson }) => ({
      name: packageJson.name,
      folder: dir,
      path: relativeDir.replaceAll("\\", "/"),
      manifest: packageJson as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true)
    .sort((a, b) => a.path.localeCompare(b.path));
}
