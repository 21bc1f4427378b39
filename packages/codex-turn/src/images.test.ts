import { existsSync, statSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { expect, onTestFinished, test, vi } from "vitest";
import { CodexTurnError } from "./errors.ts";
import { type PromptImage, stageImages } from "./images.ts";

test("no folder is created without images", async () => {
  await using staged = await stageImages([]);
  expect(staged.paths).toEqual([]);
});

test("bytes and files get plain names, in a private folder that is removed afterwards", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "holiday, 2026.a,b");
  await writeFile(file, "picture");
  const staged = await stageImages([
    { bytes: Buffer.from("raw"), mediaType: "image/jpeg" },
    { bytes: Buffer.from("raw") },
    { bytes: Buffer.from("raw"), mediaType: "../../etc" },
    { path: file },
    { path: relative(process.cwd(), file) },
  ]);
  const names = ["image-1.jpeg", "image-2.png", "image-3.png", "image-4", "image-5"];
  expect(staged.paths.map((path) => basename(path))).toEqual(names);
  const contents = await Promise.all(staged.paths.map((path) => readFile(path, "utf8")));
  expect(contents).toEqual(["raw", "raw", "raw", "picture", "picture"]);
  const home = dirname(staged.paths[0] as string);
  expect(statSync(home).mode & 0o777).toBe(0o700);
  await staged[Symbol.asyncDispose]();
  expect(existsSync(home)).toBe(false);
  expect(existsSync(file)).toBe(true);
});

test("a string is a path, a file: URL or a data: URL", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "a picture.png");
  await writeFile(file, "picture");
  const data = Buffer.from("raw").toString("base64");
  await using staged = await stageImages([
    file,
    pathToFileURL(file).href,
    `data:image/webp;base64,${data}`,
    `data:image/gif;name=x.gif;base64,${data}`,
  ]);
  const contents = await Promise.all(staged.paths.map((path) => readFile(path, "utf8")));
  expect(contents).toEqual(["picture", "picture", "raw", "raw"]);
  expect(staged.paths.map((path) => basename(path))).toEqual([
    "image-1.png",
    "image-2.png",
    "image-3.webp",
    "image-4.gif",
  ]);
});

test.each<[image: unknown, message: RegExp]>([
  ["https://example.com/a.png", /Image 2 is a web address/],
  ["file://elsewhere/a.png", /Image 2 is a file: URL that names no file here/],
  ["data:image/png,raw", /not in base64/],
  ["data:", /not in base64/],
  ["", /an empty path/],
  [null, /of the type null/],
  [7, /of the type number/],
  [{ url: "a.png" }, /without path and bytes/],
  [{ bytes: "cmF3" }, /without bytes/],
  ["none.png", /none\.png can't be read/],
])("%j is rejected with a message that says what to pass, and leaves nothing behind", async (image, message) => {
  await using folder = await temporaryFolder();
  vi.stubEnv("TMPDIR", folder.path);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  await expect(stageImages([{ bytes: Buffer.from("x") }, image as PromptImage])).rejects.toMatchObject({
    code: "image_unreadable",
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder.path)).toEqual([]);
});

test("a missing file and a folder are rejected, and leave nothing behind", async () => {
  await using folder = await temporaryFolder();
  vi.stubEnv("TMPDIR", folder.path);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  for (const path of [join(folder.path, "none.png"), folder.path]) {
    await expect(stageImages([{ bytes: Buffer.from("x") }, { path }])).rejects.toMatchObject({
      code: "image_unreadable",
      message: expect.stringContaining(path),
    });
  }
  expect(await readdir(folder.path)).toEqual([]);
});

test("the error names a missing temp folder", async () => {
  await using folder = await temporaryFolder();
  const missing = join(folder.path, "none");
  vi.stubEnv("TMPDIR", missing);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const error = await stageImages([{ bytes: Buffer.from("x") }]).catch((thrown: unknown) => thrown);
  expect(CodexTurnError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ code: "image_unreadable", message: expect.stringContaining(missing) });
});
