import { asText } from "./tool-call.ts";

export const BYTES_PER_TOKEN = 4;
/** Codex's own estimate. It sends every image in about the same size (0.135 to 0.169). */
export const TOKENS_PER_IMAGE = Math.ceil(7_373 / BYTES_PER_TOKEN);

export interface Size {
  readonly textBytes: number;
  readonly imageBytes: number;
  readonly images: number;
}

export const NOTHING: Size = { textBytes: 0, imageBytes: 0, images: 0 };

export const sumOf = (a: Size, b: Size): Size => ({
  textBytes: a.textBytes + b.textBytes,
  imageBytes: a.imageBytes + b.imageBytes,
  images: a.images + b.images,
});

export const tokensOf = ({ textBytes, images }: Size): number =>
  Math.ceil(textBytes / BYTES_PER_TOKEN) + images * TOKENS_PER_IMAGE;

export function sizeOf(value: unknown): Size {
  if (!Array.isArray(value)) return { ...NOTHING, textBytes: Buffer.byteLength(asText(value)) };
  const isImage = (block: unknown) => (block as { type?: unknown } | null)?.type === "input_image";
  const images = value.filter(isImage);
  return {
    textBytes: Buffer.byteLength(asText(value.filter((block) => !isImage(block)))),
    imageBytes: images.reduce((bytes, { image_url: url }) => bytes + (typeof url === "string" ? url.length : 0), 0),
    images: images.length,
  };
}
