import { expect, test } from "vitest";
import { newestPatches } from "./versions.ts";

test("selects the newest release of each minor version, no prereleases, nothing older than the oldest supported", () => {
  const published = ["0.134.9", "0.135.0", "0.144.10", "0.144.9", "0.136.0", "0.145.0-alpha.3", "0.100.0", "1.0.0"];
  published.push("0.144.6-linux-x64", "0.137.0", "0.137.1-alpha.1");
  expect(newestPatches(published, "0.135.0")).toEqual(["0.135.0", "0.136.0", "0.137.0", "0.144.10", "1.0.0"]);
});
