import type { BridgeTool } from "../server/tools.ts";

/** A tool as offered in a host's request. */
export interface HostTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** A JSON Schema. Default: any object. */
  readonly input_schema?: unknown;
}

export interface OfferableTools {
  readonly tools: readonly BridgeTool[];
  /** A sentence for each tool that is left out. */
  readonly warnings: readonly string[];
}

/**
 * Removes what MCP can't describe, so that one bad tool does not lose all the others. Of tools with the same name it keeps the
 * first. It makes a schema that allows an object an object's schema, and drops a description that isn't text.
 * @param tools As the host sent them: they may be malformed in any way.
 */
export function offerableTools(tools: readonly HostTool[]): OfferableTools {
  const kept = new Map<string, BridgeTool>();
  const warnings: string[] = [];
  for (const [index, tool] of tools.entries()) {
    const { name, description, input_schema } = Object(tool) as Partial<HostTool>;
    if (typeof name !== "string" || name === "") {
      warnings.push(`the tool at index ${index} of the request is not offered: it has no name`);
      continue;
    }
    const schema = objectSchema(input_schema);
    const leftOut = (reason: string) => warnings.push(`the tool ${JSON.stringify(name)} is not offered: ${reason}`);
    if (kept.has(name)) leftOut("an earlier tool has the same name");
    else if (schema === undefined) leftOut("its input_schema does not describe an object");
    else {
      const isText = typeof description === "string";
      if (!isText && description !== undefined)
        warnings.push(`the tool ${JSON.stringify(name)} is offered without its description, which is not text`);
      kept.set(name, { name, ...(isText && { description }), inputSchema: schema });
    }
  }
  return { tools: [...kept.values()], warnings };
}

/** Returns undefined if the schema allows no object. Also reads a schema that is JSON text itself. */
function objectSchema(schema: unknown): Record<string, unknown> | undefined {
  if (schema === undefined || schema === null || schema === true) return { type: "object" };
  if (typeof schema === "string") return objectIn(schema);
  if (typeof schema !== "object" || Array.isArray(schema)) return undefined;
  const { type = null } = schema as Record<string, unknown>;
  const mayBeObject = type === null || type === "object" || (Array.isArray(type) && type.includes("object"));
  return mayBeObject ? { ...schema, type: "object" } : undefined;
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? objectSchema(value) : undefined;
  } catch {
    return undefined;
  }
}
