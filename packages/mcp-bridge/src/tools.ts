import { createHash } from "node:crypto";
import { z } from "zod";
import { McpBridgeError } from "./errors.ts";

/** A tool as MCP describes one; further fields (`annotations`, `outputSchema`, `_meta`, …) reach the client as they are. */
export interface BridgeTool {
  /** The host's name for it, which `callTool` is given back. */
  readonly name: string;
  readonly description?: string;
  /** A JSON Schema for an object. Default: any object. */
  readonly inputSchema?: { readonly [keyword: string]: unknown };
  readonly [field: string]: unknown;
}

/** A checked list, ready to be offered. */
export interface Toolbox {
  /** What `tools/list` answers. */
  readonly offered: readonly Record<string, unknown>[];
  /** The same as JSON: two boxes that offer the same have the same. */
  readonly json: string;
  /** The name a client uses → the host's name. */
  readonly hostNames: ReadonlyMap<string, string>;
}

const toolsSchema = z.array(
  z.looseObject({
    name: z.string(),
    description: z.string().optional(),
    inputSchema: z.looseObject({ type: z.literal("object").default("object") }).default({ type: "object" }),
  }),
);

/** @throws McpBridgeError `invalid-tools` if two tools have one name, or one is not what MCP or JSON can describe. */
export function toolbox(tools: readonly BridgeTool[]): Toolbox {
  const parsed = toolsSchema.safeParse(tools);
  if (!parsed.success) {
    throw new McpBridgeError("invalid-tools", `The tools can't be offered: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  const hostNames = new Map<string, string>();
  const offered = parsed.data.map((tool) => {
    const name = offeredName(tool.name);
    if (hostNames.has(name))
      throw new McpBridgeError("invalid-tools", `Two tools are called ${JSON.stringify(tool.name)}`);
    hostNames.set(name, tool.name);
    return { ...tool, name };
  });
  return { offered, json: toJson(offered), hostNames };
}

function toJson(offered: readonly Record<string, unknown>[]): string {
  try {
    return JSON.stringify(offered);
  } catch (cause) {
    throw new McpBridgeError("invalid-tools", `The tools can't be written as JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** MCP's own rule for tool names. */
const CLEAN_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** A name that every client takes: the host's own, or one made from it that no other tool has. */
function offeredName(name: string): string {
  if (CLEAN_NAME.test(name)) return name;
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 10);
  const readable = name
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_|_$/g, "")
    .slice(0, 40);
  return [readable || "tool", hash].join("_");
}
