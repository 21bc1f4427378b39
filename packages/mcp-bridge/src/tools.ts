import { createHash } from "node:crypto";
import { z } from "zod";
import { cutSchema } from "./cut-schema.ts";
import { McpBridgeError } from "./errors.ts";
import { isDeeper } from "./limit-depth.ts";

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
  /** A sentence for each tool that is not offered just as it was given. */
  readonly warnings: readonly string[];
}

/**
 * Of a tool. codex ends the connection over a list of tools with more than 127 levels (0.135.0) or waits out its start
 * timeout (0.169.0); the message's frame needs three of them.
 */
const MAX_DEPTH = 100;

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
  const warnings: string[] = [];
  const offered = parsed.data.map((tool) => {
    const name = offeredName(tool.name);
    if (hostNames.has(name))
      throw new McpBridgeError("invalid-tools", `Two tools are called ${JSON.stringify(tool.name)}`);
    hostNames.set(name, tool.name);
    if (!isDeeper(tool, MAX_DEPTH)) return { ...tool, name };
    checkFinite(tool);
    warnings.push(
      `The schema of the tool ${JSON.stringify(tool.name)} is nested more than ${MAX_DEPTH} levels deep, and was cut there`,
    );
    return { ...cutSchema(tool, MAX_DEPTH), name };
  });
  return { offered, json: toJson(offered), hostNames, warnings };
}

/** @throws McpBridgeError `invalid-tools` for what refers to itself. What is too deep to be written has an end all the same. */
function checkFinite(tool: Record<string, unknown>): void {
  try {
    toJson([tool]);
  } catch (error) {
    if (!(error instanceof McpBridgeError && error.cause instanceof RangeError)) throw error;
  }
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
