import { homedir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cacheFolder } from "./cache-folder.ts";

test.each<[platform: NodeJS.Platform, env: NodeJS.ProcessEnv, expected: string]>([
  ["linux", {}, join(homedir(), ".cache")],
  ["linux", { XDG_CACHE_HOME: "/caches" }, "/caches"],
  ["linux", { XDG_CACHE_HOME: "" }, join(homedir(), ".cache")],
  // The XDG specification says to ignore a relative path.
  ["linux", { XDG_CACHE_HOME: "caches" }, join(homedir(), ".cache")],
  ["darwin", { XDG_CACHE_HOME: "/caches" }, join(homedir(), "Library", "Caches")],
  ["win32", { LOCALAPPDATA: "/Local" }, "/Local"],
  ["win32", {}, join(homedir(), "AppData", "Local")],
])("the cache folder on %s with %j", (platform, env, expected) => {
  expect(cacheFolder(env, platform)).toBe(join(expected, "plexum-codex"));
});
