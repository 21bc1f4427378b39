import { readdir, readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CallContext, CallToolResult, HostToolCall, Tool } from "@plexum/plugin-sdk";

type Run = (args: Record<string, unknown>, context: CallContext) => Promise<CallToolResult["content"]>;

interface HostTool extends Tool {
  readonly run: Run;
}

const text = (content: string): CallToolResult["content"] => [{ type: "text", text: content }];

const path = { type: "string", description: "Relative to the workspace" };

/** A red dot. */
const PICTURE =
  "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mP8z8BQz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC";

/** The tools that this host offers to its agent. They run here, not in codex. */
export class HostTools {
  readonly #tools: readonly HostTool[];

  constructor(workspace: string) {
    const inside = (given: unknown) => {
      const target = resolve(workspace, String(given ?? "."));
      if (relative(workspace, target).startsWith("..")) throw new Error(`${String(given)} is outside the workspace`);
      return target;
    };
    this.#tools = [
      {
        name: "read_file",
        description: "Returns the content of a text file",
        input_schema: { type: "object", properties: { path }, required: ["path"] },
        run: async (args) => text(await readFile(inside(args.path), "utf8")),
      },
      {
        name: "list_folder",
        description: "Returns the names in a folder",
        input_schema: { type: "object", properties: { path } },
        run: async (args) => text((await readdir(inside(args.path))).join("\n")),
      },
      {
        name: "wait",
        description: "Waits some seconds, and reports its progress",
        input_schema: {
          type: "object",
          properties: { seconds: { type: "number", maximum: 600 } },
          required: ["seconds"],
        },
        run: async (args, { signal, progress }) => {
          const total = Math.min(600, Number(args.seconds) || 0);
          for (let second = 1; second <= total; second++) {
            await delay(1000, undefined, { signal });
            progress({ progress: second, total, message: `${second} of ${total} s` });
          }
          return text(`waited ${total} s`);
        },
      },
      {
        name: "picture",
        description: "Returns a small picture",
        input_schema: { type: "object", properties: {} },
        run: async () => [{ type: "image", data: PICTURE, mimeType: "image/png" }],
      },
    ];
  }

  get offered(): Tool[] {
    return this.#tools.map(({ name, description, input_schema }) => ({ name, description, input_schema }));
  }

  async call({ name, arguments: args }: HostToolCall, context: CallContext): Promise<CallToolResult> {
    const tool = this.#tools.find((candidate) => candidate.name === name);
    if (tool === undefined) return { content: text(`There is no tool ${name}`), isError: true };
    return tool.run(args, context).then(
      (content) => ({ content }),
      (error: Error) => ({ content: text(error.message), isError: true }),
    );
  }
}
