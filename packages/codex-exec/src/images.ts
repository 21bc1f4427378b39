import { mkdtemp, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { CodexExecError } from "./errors.ts";

/** A picture for the prompt: a file, or its bytes. */
export type PromptImage = { readonly path: string } | { readonly bytes: Uint8Array; readonly mediaType?: string };

export interface StagedImages extends AsyncDisposable {
  readonly paths: readonly string[];
}

/**
 * Puts the images where codex can be pointed to: in a folder of their own that only this user can read, under plain
 * names, since codex splits the value of `--image` at commas.
 * @throws CodexExecError `image_unreadable`.
 */
export async function stageImages(images: readonly PromptImage[]): Promise<StagedImages> {
  if (images.length === 0) return { paths: [], [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), "codex-images-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const paths = await Promise.all(images.map((image, index) => stage(image, join(folder, `image-${index + 1}`))));
    return { paths, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function stage(image: PromptImage, base: string): Promise<string> {
  if ("bytes" in image) {
    const path = base + extension(image.mediaType);
    await writeFile(path, image.bytes, { mode: 0o600 });
    return path;
  }
  const isFile = await stat(image.path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!isFile)
    throw new CodexExecError(
      "image_unreadable",
      `There is no image file ${image.path}: check the path, which is read on this machine.`,
    );
  const path = base + extname(image.path);
  await symlink(image.path, path);
  return path;
}

const extension = (mediaType = "image/png") => `.${/^image\/([a-z0-9]+)/.exec(mediaType)?.[1] ?? "png"}`;
