import { constants } from "node:fs";
import { access, mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { CodexTurnError } from "./errors.ts";

/** A picture for the prompt: a file, or its bytes. */
export type PromptImage = { readonly path: string } | { readonly bytes: Uint8Array; readonly mediaType?: string };

/** What the names of the folders begin with. */
export const IMAGE_FOLDER = "codex-images-";

export interface StagedImages extends AsyncDisposable {
  readonly paths: readonly string[];
}

/**
 * Puts the images where codex can be pointed to: in a folder of their own that only this user can read, under plain
 * names, since codex splits the value of `--image` at commas.
 * @throws CodexTurnError `image_unreadable`.
 */
export async function stageImages(images: readonly PromptImage[]): Promise<StagedImages> {
  if (images.length === 0) return { paths: [], [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), IMAGE_FOLDER)).catch(unstageable);
  // If it stays behind among the temporary folders, that is no reason to fail a turn.
  const remove = () => rm(folder, { recursive: true, force: true }).catch(() => {});
  try {
    const paths = await Promise.all(images.map((image, index) => stage(image, join(folder, `image-${index + 1}`))));
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
    `The images can't be put into the temp folder ${tmpdir()} (${(cause as Error).message}): name one in TMPDIR that this user can write to, with room in it.`,
    { cause },
  );
}

async function stage(image: PromptImage, base: string): Promise<string> {
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
  let problem = "it is no file";
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

/** None if it could upset codex's splitting. */
const plainExtension = (path: string) => /^\.[a-z0-9]+$/i.exec(extname(path))?.[0] ?? "";

const extension = (mediaType = "image/png") => `.${/^image\/([a-z0-9]+)/.exec(mediaType)?.[1] ?? "png"}`;
