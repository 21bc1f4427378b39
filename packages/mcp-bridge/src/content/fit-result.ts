import { errorResult, type ToolResult } from "../server/tool-call.ts";

/**
 * Shortens a result that is longer than a client accepts: long texts lose their middle, and say so. A result that is too
 * long for another reason becomes a failure that says so.
 */
export function fitResult(result: ToolResult, maxBytes: number): ToolResult {
  const size = jsonBytes(result);
  if (size <= maxBytes) return result;
  // A character takes at most six bytes of JSON, and the texts together may take half of the limit.
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
    `The result has ${size} bytes, and a message to the client can have ${maxBytes}: ask for less at once`,
  );
}

function withoutMiddle(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const kept = Math.floor(maxCharacters / 2);
  const cut = text.length - 2 * kept;
  // A cut between the halves of a surrogate pair would leave invalid Unicode.
  return [text.slice(0, kept), `\n[… ${cut} characters left out …]\n`, text.slice(text.length - kept)]
    .join("")
    .toWellFormed();
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
