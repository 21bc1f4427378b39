import { readFile, rename, writeFile } from "node:fs/promises";
import { type Block, CONSUMED_TEXTS, type ConsumeOp, type Message, type ProviderEvent } from "@plexum/plugin-sdk";

/** The host's own record of a conversation, with one message per line in `dynamic.jsonl`: what the host shows the model of it. */
export class AgentRecord {
  readonly #path: string;
  #messages: Message[];

  private constructor(path: string, messages: Message[]) {
    this.#path = path;
    this.#messages = messages;
  }

  static async open(path: string): Promise<AgentRecord> {
    const text = await readFile(path, "utf8").catch(() => "");
    const lines = text.split("\n").filter((line) => line !== "");
    return new AgentRecord(
      path,
      lines.map((line) => JSON.parse(line)),
    );
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** The ids of the calls whose results are still there, oldest first. */
  get consumable(): string[] {
    const markers = Object.values(CONSUMED_TEXTS);
    return this.#blocks().flatMap((block) =>
      block.type === "tool_result" && !markers.includes(String(block.content)) ? [block.tool_use_id] : [],
    );
  }

  async append(messages: readonly Message[]): Promise<void> {
    this.#messages.push(...messages);
    await this.#save();
  }

  /** Replaces the results of calls and, with `consume-heavy`, their arguments. */
  async consume(callIds: readonly string[], op: ConsumeOp): Promise<void> {
    for (const block of this.#blocks()) {
      if (block.type === "tool_result" && callIds.includes(block.tool_use_id)) block.content = CONSUMED_TEXTS[op];
      if (op === "consume-heavy" && block.type === "tool_use" && callIds.includes(block.id)) block.input = {};
    }
    await this.#save();
  }

  #blocks(): Block[] {
    return this.#messages.flatMap(({ content }) => content);
  }

  async #save(): Promise<void> {
    await writeFile(`${this.#path}.new`, this.#messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
    await rename(`${this.#path}.new`, this.#path);
  }
}

/** The messages that a turn's events add to a conversation: the assistant's text and tool calls, and the results. */
export function messagesOf(events: readonly ProviderEvent[]): Message[] {
  const messages: Message[] = [];
  const add = (role: Message["role"], block: Block) => {
    const last = messages.at(-1);
    if (last?.role === role) last.content.push(block);
    else messages.push({ role, content: [block] });
  };
  const calls = new Map<string, Extract<Block, { type: "tool_use" }>>();
  /** The text block to which further pieces of its message are added. */
  let open: { readonly id: string; readonly block: Extract<Block, { type: "text" }> } | undefined;
  for (const event of events) {
    if (event.type === "text_delta") {
      const { text, message_id: id } = event;
      if (open !== undefined && open.id === id) open.block.text += text;
      else {
        const block = { type: "text" as const, text };
        add("assistant", block);
        open = id === undefined ? undefined : { id, block };
      }
    }
    if (event.type === "tool_call_start") {
      const { id, name } = event.tool_call;
      const call = { type: "tool_use" as const, id, name, input: "" as unknown };
      calls.set(id, call);
      add("assistant", call);
    }
    const call = event.type === "tool_call_delta" ? calls.get(event.tool_call.id) : undefined;
    if (call !== undefined && event.type === "tool_call_delta")
      call.input = `${call.input}${event.tool_call.arguments}`;
    if (event.type === "tool_result") {
      const { tool_call_id, content, is_error } = event.tool_result;
      add("tool", { type: "tool_result", tool_use_id: tool_call_id, content, is_error });
    }
  }
  return messages;
}
