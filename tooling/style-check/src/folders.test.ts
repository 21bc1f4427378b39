import { dirname } from "node:path";
import { expect, test } from "vitest";
import { filesOf } from "./repository.ts";

const MAX_FILES = 20;

test("no folder has more source files than one can take in", () => {
  const sources = filesOf("ts").filter((path) => !path.endsWith(".test.ts"));
  const byFolder = Map.groupBy(sources, (path) => dirname(path));
  expect(byFolder.size).toBeGreaterThan(30);
  const large = [...byFolder].filter(([, files]) => files.length > MAX_FILES);
  expect(large.map(([folder, files]) => `${folder}: ${files.length}`)).toEqual([]);
});
