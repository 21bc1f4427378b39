import { constants } from "node:fs";
import { access, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CodexTurnError } from "./errors.ts";

/** An image for the prompt: a file, or its bytes. A string is a path, or a URL that begins with `file:` or `data:`. */
export type PromptImage =
  | string
  | { readonly path: string }
  | { readonly bytes: Uint8Array; readonly mediaType?: string };

/** Prefix of the folder names. The pid of the process that stages the images follows it. */
export const IMAGE_FOLDER = "codex-images-";

export interface StagedImages extends AsyncDisposable {
  readonly paths: readonly string[];
}

/**
 * Puts the images into a new folder that only this user can read, under plain names, because codex splits the value of
 * `--image` at commas. Disposing of the result removes the folder.
 *
 * @throws CodexTurnError `image_unreadable`.
 */
export async function stageImages(images: readonly PromptImage[]): Promise<StagedImages> {
  if (images.length === 0) return { paths: [], [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), `${IMAGE_FOLDER}${process.pid}-`)).catch(unstageable);
  // A temporary folder that can't be removed is no reason to fail a turn.
  const remove = () => rm(folder, { recursive: true, force: true }).catch(() => {});
  try {
    const paths = await Promise.all(
      images.map((image, index) => stage(readImage(image, index), join(folder, `image-${index + 1}`))),
    );
    return { paths, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    return unstageable(error);
  }
}

function unstageable(cause: unknown): never {
  if (CodexTurnError.isInstance(cause)) throw cause;
  throw new CodexTurnError(
    "image_unreadable",
    `The images can't be stored in the temporary folder ${tmpdir()} (${(cause as Error).message}): set TMPDIR to a folder that has free space and that this user can write to.`,
    { cause },
  );
}

type ReadImage = Exclude<PromptImage, string>;

/** @throws CodexTurnError for a value that is not an image, which callers without types can pass. */
function readImage(image: PromptImage, index: number): ReadImage {
  const unusable = (what: string, cause?: unknown): never => {
    throw new CodexTurnError(
      "image_unreadable",
      `Image ${index + 1} is ${what}: give a path, a file: or data: URL, or its bytes.`,
      { cause },
    );
  };
  if (typeof image === "string")
    return image.startsWith("data:") ? dataImage(image, unusable) : pathImage(image, unusable);
  if (typeof image !== "object" || image === null)
    return unusable(`of the type ${image === null ? "null" : typeof image}`);
  if ("bytes" in image) return image.bytes instanceof Uint8Array ? image : unusable("without bytes, in a Uint8Array");
  return typeof image.path === "string" ? image : unusable("an object without path and bytes");
}

type Unusable = (what: string, cause?: unknown) => never;

function pathImage(text: string, unusable: Unusable): ReadImage {
  if (/^https?:/i.test(text)) return unusable("a web address, which codex does not fetch");
  if (!/^file:/i.test(text)) return text === "" ? unusable("an empty path") : { path: text };
  try {
    return { path: fileURLToPath(text) };
  } catch (error) {
    return unusable(`a file: URL that names no file here (${(error as Error).message})`, error);
  }
}

function dataImage(url: string, unusable: Unusable): ReadImage {
  const comma = url.indexOf(",");
  const [mediaType = "", ...parameters] = url.slice("data:".length, Math.max(comma, 0)).split(";");
  if (comma === -1 || !parameters.includes("base64")) return unusable("a data: URL that is not in base64");
  return { bytes: Buffer.from(url.slice(comma + 1), "base64"), ...(mediaType === "" ? {} : { mediaType }) };
}

async function stage(image: ReadImage, base: string): Promise<string> {
  if ("bytes" in image) {
    const path = base + extension(image.mediaType);
    await writeFile(path, image.bytes, { mode: 0o600 });
    return path;
  }
  await assertReadable(image.path);
  const path = base + plainExtension(image.path);
  await symlink(resolve(image.path), path);
  return path;
}

async function assertReadable(path: string): Promise<void> {
  let problem = "it is not a file";
  try {
    if ((await stat(path)).isFile()) return await access(path, constants.R_OK);
  } catch (error) {
    problem = (error as Error).message;
  }
  throw new CodexTurnError(
    "image_unreadable",
    `The image ${path} can't be read (${problem}): check the path, which is read on this machine.`,
  );
}

/** Returns the file's extension, or "" if it could affect how codex splits the value. */
const plainExtension = (path: string) => /^\.[a-z0-9]+$/i.exec(extname(path))?.[0] ?? "";

const extension = (mediaType = "image/png") => `.${/^image\/([a-z0-9]+)/.exec(mediaType)?.[1] ?? "png"}`;
