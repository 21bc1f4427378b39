import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface CodexInstall {
  readonly version: string;
  /** The native executable. */
  readonly path: string;
  /** The npm shim, which is `codex` on a PATH. Run it with node. */
  readonly shim: string;
}

const TARGETS: Record<string, string> = {
  "linux-x64": "x86_64-unknown-linux-musl",
  "linux-arm64": "aarch64-unknown-linux-musl",
  "darwin-x64": "x86_64-apple-darwin",
  "darwin-arm64": "aarch64-apple-darwin",
  "win32-x64": "x86_64-pc-windows-msvc",
  "win32-arm64": "aarch64-pc-windows-msvc",
};

/** Finds the codex that an npm package (`@openai/codex` or an alias of it) installed for this platform. */
export function installedCodex(packageName: string, importer: string): CodexInstall {
  const manifest = createRequire(importer).resolve(`${packageName}/package.json`);
  const platform = `${process.platform}-${process.arch}`;
  const platformManifest = createRequire(manifest).resolve(`@openai/codex-${platform}/package.json`);
  const vendor = join(dirname(platformManifest), "vendor", TARGETS[platform] ?? platform);
  const name = process.platform === "win32" ? "codex.exe" : "codex";
  // Older versions have the executable in `codex/` (0.100), later ones in `bin/` (0.135, 0.169).
  const path = [join(vendor, "bin", name), join(vendor, "codex", name)].find(existsSync);
  if (path === undefined)
    throw new Error(`${packageName} has no codex for ${platform}: install the repository's dependencies again`);
  const { version } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string };
  return { version, path, shim: join(dirname(manifest), "bin", "codex.js") };
}
