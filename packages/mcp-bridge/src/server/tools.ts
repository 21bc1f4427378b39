import { z } from "zod";
import { cutSchema } from "../content/cut-schema.ts";
import { icon, meta, optionalText, withoutMalformed } from "../content/known-content.ts";
import { isDeeper } from "../content/limit-depth.ts";
import { readableSchema } from "../content/readable-schema.ts";
import { McpBridgeError } from "../errors.ts";
import { offeredToolName } from "./tool-names.ts";

/** A tool as MCP describes one; further fields (`annotations`, `outputSchema`, `_meta`, …) reach the client unchanged. */
export interface BridgeTool {
  /** The host's name for it, which `callTool` receives. */
  readonly name: string;
  readonly description?: string;
  /** A JSON Schema for an object. Default: any object. */
  readonly inputSchema?: { readonly [keyword: string]: unknown };
  readonly [field: string]: unknown;
}

/** A checked list, ready to be offered. */
export interface Toolbox {
  /** The answer to `tools/list`. */
  readonly offered: readonly Record<string, unknown>[];
  /** The same as JSON: equal for two toolboxes that offer the same. */
  readonly json: string;
  /** The name a client uses → the host's name. */
  readonly hostNames: ReadonlyMap<string, string>;
  /** A sentence for each tool that is offered with changes. */
  readonly warnings: readonly string[];
}

/**
 * The most levels of a tool. For a list of tools with more than 127 levels, codex ends the connection (0.135.0) or waits for
 * its start timeout (0.169.0); the message's frame needs three of them.
 */
const MAX_DEPTH = 100;
/** How many unreadable parts of a schema a warning names. */
const MAX_PATHS = 5;
const MAX_PATH_LENGTH = 200;

const toolsSchema = z.array(
  z.looseObject({
    name: z.string(),
    description: z.string().optional(),
    inputSchema: z.looseObject({ type: z.literal("object").default("object") }).default({ type: "object" }),
  }),
);

const flag = z.boolean().nullish();

const optionalFields = z.looseObject({
  title: optionalText,
  annotations: z
    .looseObject({
      title: optionalText,
      readOnlyHint: flag,
      destructiveHint: flag,
      idempotentHint: flag,
      openWorldHint: flag,
    })
    .nullish(),
  outputSchema: z.record(z.string(), z.unknown()).nullish(),
  icons: z.array(icon).nullish(),
  _meta: meta,
});

/** @throws McpBridgeError `invalid_tools` if two tools have the same name, or MCP or JSON can't describe one. */
export function toolbox(tools: readonly BridgeTool[]): Toolbox {
  const parsed = toolsSchema.safeParse(tools);
  if (!parsed.success) {
    throw new McpBridgeError("invalid_tools", `The tools can't be offered: ${z.prettifyError(parsed.error)}`, {
      cause: parsed.error,
    });
  }
  const hostNames = new Map<string, string>();
  const warnings: string[] = [];
  const offered = parsed.data.map((tool) => {
    const name = offeredToolName(tool.name);
    if (hostNames.has(name))
      throw new McpBridgeError("invalid_tools", `Two tools are called ${JSON.stringify(tool.name)}`);
    hostNames.set(name, tool.name);
    const warn = (fault: string) => warnings.push(`The tool ${JSON.stringify(tool.name)} is offered ${fault}`);
    const shallow = withoutDepth(tool, warn);
    return { ...withoutUnreadable(shallow, warn), name };
  });
  return { offered, json: toJson(offered), hostNames, warnings };
}

type ParsedTool = z.output<typeof toolsSchema>[number];

/** @throws McpBridgeError `invalid_tools` for a value that refers to itself. */
function withoutDepth(tool: ParsedTool, warn: (fault: string) => void): ParsedTool {
  if (!isDeeper(tool, MAX_DEPTH)) return tool;
  try {
    toJson([tool]);
  } catch (error) {
    // Too deep to be written, but finite.
    if (!(error instanceof McpBridgeError && error.cause instanceof RangeError)) throw error;
  }
  warn(`with a schema that was cut: it is nested more than ${MAX_DEPTH} levels deep`);
  return cutSchema(tool, MAX_DEPTH);
}

/** For a malformed field, codex silently drops this tool or all of them (0.135.0, 0.169.0). */
function withoutUnreadable(tool: ParsedTool, warn: (fault: string) => void): ParsedTool {
  const paths: string[] = [];
  const readable = readableSchema(tool.inputSchema, (path) => paths.push(path));
  const shown = paths
    .slice(0, MAX_PATHS)
    .map((path) => path.slice(0, MAX_PATH_LENGTH))
    .join(", ");
  if (paths.length > 0) {
    const further = paths.length > MAX_PATHS ? ` and ${paths.length - MAX_PATHS} more` : "";
    warn(`with a schema that was changed where clients can't read it: ${shown}${further}`);
  }
  const whole = paths.length === 0 ? tool : { ...tool, inputSchema: { ...readable, type: "object" as const } };
  return withoutMalformed(optionalFields, whole, "without what is malformed:", (fault) => warn(fault));
}

function toJson(offered: readonly Record<string, unknown>[]): string {
  try {
    return JSON.stringify(offered);
  } catch (cause) {
    throw new McpBridgeError("invalid_tools", `The tools can't be written as JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}
