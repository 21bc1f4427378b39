import { z } from "zod";
import { errorResult, type ToolResult } from "../server/tool-call.ts";

type Block = ToolResult["content"][number];

export const optionalText = z.string().nullish();
export const meta = z.record(z.string(), z.unknown()).nullish();
const common = {
  annotations: z
    .looseObject({
      audience: z.array(z.enum(["user", "assistant"])).nullish(),
      priority: z.number().nullish(),
      lastModified: z.iso.datetime({ offset: true }).nullish(),
    })
    .nullish(),
  _meta: meta,
};
const media = z.looseObject({ data: z.string(), mimeType: z.string(), ...common });
const resource = z.looseObject({ uri: z.string(), mimeType: optionalText, _meta: meta });
export const icon = z.looseObject({ src: z.string(), mimeType: optionalText, sizes: z.array(z.string()).nullish() });

/** The content kinds of MCP, by type. What codex reads is stricter than MCP in `size` only: 32 bits (0.135.0). */
const KINDS = new Map<unknown, z.ZodType>([
  ["text", z.looseObject({ text: z.string(), ...common })],
  ["image", media],
  ["audio", media],
  [
    "resource",
    z.looseObject({
      resource: z.union([resource.extend({ text: z.string() }), resource.extend({ blob: z.string() })]),
      ...common,
    }),
  ],
  [
    "resource_link",
    z.looseObject({
      uri: z.string(),
      name: z.string(),
      title: optionalText,
      description: optionalText,
      mimeType: optionalText,
      size: z.uint32().nullish(),
      icons: z.array(icon).nullish(),
      ...common,
    }),
  ],
]);

const resultFields = z.looseObject({ isError: z.boolean().nullish(), _meta: meta });

/**
 * Converts the host's answer to a result that an MCP client can read: codex refuses a whole result for one block that it
 * doesn't know (0.135.0 to 0.169.0). An unknown or malformed block becomes text, a malformed optional field is left out,
 * and `onFault` is called with each. Empty content becomes an empty text, since codex 0.135.0 treats it as a failure.
 */
export function knownContent(
  answer: { readonly content: readonly unknown[]; readonly [field: string]: unknown },
  onFault: (fault: string) => void,
): ToolResult {
  const content = answer.content.flatMap((block) => knownBlock(block, onFault));
  const result: ToolResult = {
    ...withoutMalformed(resultFields, answer, "a result with a malformed", onFault),
    content,
  };
  if (content.length > 0 || (result.structuredContent ?? null) !== null) return result;
  if (result.isError) return { ...result, ...errorResult("The tool failed without a message") };
  return { ...result, content: [{ type: "text", text: "" }] };
}

function knownBlock(block: unknown, onFault: (fault: string) => void): Block[] {
  if (!isObject(block)) {
    onFault(
      `${block === null ? "null" : `a ${Array.isArray(block) ? "list" : typeof block}`} in place of a content block`,
    );
    return block === null || block === undefined ? [] : [textBlock(typeof block === "string" ? block : asJson(block))];
  }
  const { type } = block;
  const kind = KINDS.get(type);
  if (kind === undefined) {
    onFault(`a block of type ${shortened(type)}, which MCP doesn't know: the model gets it as text`);
    return [textBlock(asJson(block))];
  }
  const clean = withoutMalformed(
    kind,
    block,
    `a block of type ${shortened(type)} with a missing or malformed`,
    onFault,
  );
  if (kind.safeParse(clean).success) return [clean as Block];
  if (type === "text") {
    const { text = null } = block;
    return [{ ...clean, ...textBlock(text === null ? "" : asJson(text)) }];
  }
  if (type !== "image" && type !== "audio") return [textBlock(asJson(block))];
  const { data } = clean;
  const mimeType = typeof data === "string" ? imageType(data) : undefined;
  if (type === "image" && mimeType !== undefined) return [{ ...clean, type, mimeType }];
  // As text, its bytes would cost the model many tokens and mean nothing to it.
  const { data: _, ...rest } = clean as { data?: unknown };
  return [textBlock(`[${type} left out: it can't be read] ${asJson(rest)}`)];
}

/** Returns the value without the fields that the schema rejects, and names them after `what`; the value itself if there are none. */
export function withoutMalformed<T extends object>(
  schema: z.ZodType,
  value: T,
  what: string,
  onFault: (fault: string) => void,
): T {
  const { error } = schema.safeParse(value);
  if (error === undefined) return value;
  const malformed = new Set(error.issues.map(({ path }) => String(path[0])));
  onFault(`${what} ${[...malformed].join(", ")}`);
  return Object.fromEntries(Object.entries(value).filter(([name]) => !malformed.has(name))) as T;
}

/** Returns the media type of base64 data that begins like an image, undefined for other data. */
function imageType(base64: string): string | undefined {
  const head = Buffer.from(base64.slice(0, 16), "base64").toString("latin1");
  if (head.startsWith("\x89PNG\r\n")) return "image/png";
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("GIF8")) return "image/gif";
  return /^RIFF....WEBP/s.test(head) ? "image/webp" : undefined;
}

const textBlock = (text: string) => ({ type: "text", text });

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    return `[left out: it can't be written as JSON: ${error instanceof Error ? error.message : error}]`;
  }
}

/** Returns what the host wrote, for a log line. */
function shortened(type: unknown): string {
  return asJson(type).slice(0, 60);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
