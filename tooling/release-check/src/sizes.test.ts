import { expect, test } from "vitest";
import { measureSizes, type PackageSize, readSizes, SLACK, TOLERANCE } from "./sizes.ts";

const REMEDY = "run `pnpm run size --write`, and say in the change why it is worth it";

test("docs/package-sizes.md is up to date", { timeout: 60_000 }, async () => {
  const written = new Map((await readSizes()).map((size) => [size.name, size]));
  const measured = await measureSizes();
  expect([...written.keys()], REMEDY).toEqual(measured.map(({ name }) => name));
  for (const size of measured) {
    const before = written.get(size.name) as PackageSize;
    expect(size.packages, `${size.name}'s number of packages: ${REMEDY}`).toBe(before.packages);
    for (const key of ["packed", "unpacked", "installed"] as const) {
      const allowed = Math.max(SLACK, before[key] * TOLERANCE);
      const off = Math.abs(size[key] - before[key]);
      expect(off, `${size.name} ${key}: ${size[key]} kB, was ${before[key]}: ${REMEDY}`).toBeLessThanOrEqual(allowed);
    }
  }
});
