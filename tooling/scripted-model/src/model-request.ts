/** A request as codex sent it. It shows what the model sees of the thread. */
export class ModelRequest {
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string | string[] | undefined>;
  /** Counts from 0 during the server's lifetime. */
  readonly index: number;

  constructor(index: number, headers: ModelRequest["headers"], body: Record<string, unknown>) {
    this.index = index;
    this.headers = headers;
    this.body = body;
  }

  /** The thread as the model sees it, item by item. */
  get input(): Record<string, unknown>[] {
    return Array.isArray(this.body.input) ? this.body.input : [];
  }

  /** The user's messages. */
  get userTexts(): string[] {
    return this.input.filter(isUserMessage).map((item) => contentText(item.content));
  }

  /** The user's last message. */
  get prompt(): string {
    return this.userTexts.at(-1) ?? "";
  }

  /** Returns the outputs of one call, in the form in which codex sent them. */
  outputsOf(callId: string): unknown[] {
    return this.input.filter((item) => item.call_id === callId && "output" in item).map((item) => item.output);
  }

  /** True if an output follows the user's last message: this is the turn's second request or a later one. */
  get continuesTurn(): boolean {
    const lastUser = this.input.findLastIndex(isUserMessage);
    return this.input.slice(lastUser + 1).some((item) => "output" in item);
  }

  /** The offered tools, as `namespace.name` or plain `name`. In code mode the input has them. */
  get toolNames(): string[] {
    const offered = [
      this.body.tools,
      ...this.input.filter((item) => item.type === "additional_tools").map((item) => item.tools),
    ];
    return offered.flatMap((tools) => (Array.isArray(tools) ? tools : [])).flatMap(namesOf);
  }
}

/**
 * False for codex's own messages in the user's name. At midnight codex adds one in the middle of a turn, after a call's
 * output, with the new date (0.169.0).
 */
function isUserMessage(item: Record<string, unknown>): boolean {
  const isUsers = item.type === "message" && item.role === "user";
  return isUsers && !contentText(item.content).trimStart().startsWith("<environment_context>");
}

function namesOf(tool: Record<string, unknown>): string[] {
  const name = String(tool.name ?? tool.type);
  if (tool.type !== "namespace" || !Array.isArray(tool.tools)) return [name];
  return tool.tools.map((inner: Record<string, unknown>) => `${name}.${inner.name}`);
}

function contentText(content: unknown): string {
  if (!Array.isArray(content)) return String(content ?? "");
  return content.map((part: { text?: unknown }) => (typeof part.text === "string" ? part.text : "")).join("");
}
