const { compare } = new Intl.Collator("en", { numeric: true });

export const byVersion = (a: string, b: string): number => compare(a, b);

/**
 * Returns the newest release of each minor version, oldest first, without prereleases and versions before `oldest`.
 *
 * @param published All versions on npm, in any order.
 */
export function newestPatches(published: readonly string[], oldest: string): string[] {
  const releases = published.filter((version) => /^\d+\.\d+\.\d+$/.test(version) && byVersion(version, oldest) >= 0);
  const byMinor = new Map(releases.sort(byVersion).map((version) => [minorOf(version), version]));
  return [...byMinor.values()];
}

const minorOf = (version: string) => version.slice(0, version.lastIndexOf("."));
