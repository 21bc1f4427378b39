import { errorResult, type ToolResult } from "../server/tool-call.ts";

/**
 * Makes a result that is longer than a client takes fit: its long texts lose their middle, and say so. What is too long
 * in another way becomes a failure that says that.
 */
export function fitResult(result: ToolResult, maxBytes: number): ToolResult {
  const size = jsonBytes(result);
  if (size <= maxBytes) return result;
  // A character takes six bytes of JSON at most, and the texts together may take half of the room.
  const maxCharacters = Math.floor(maxBytes / 12 / result.content.length);
  const shortened = {
    ...result,
    content: result.content.map((block) =>
      block.type === "text" && typeof block.text === "string"
        ? { ...block, text: withoutMiddle(block.text, maxCharacters) }
        : block,
    ),
  };
  if (jsonBytes(shortened) <= maxBytes) return shortened;
  return errorResult(
    `The result has ${size} bytes, and one message to the client takes ${maxBytes}: ask for less at once`,
  );
}

function withoutMiddle(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const kept = Math.floor(maxCharacters / 2);
  const cut = text.length - 2 * kept;
  // Cutting between the halves of a surrogate pair leaves what is no Unicode.
  return [text.slice(0, kept), `\n[… ${cut} characters left out …]\n`, text.slice(text.length - kept)]
    .join("")
    .toWellFormed();
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
