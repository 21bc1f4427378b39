import { stripVTControlCharacters, styleText } from "node:util";
import type { HostToolCall, LogEntry, ProviderEvent } from "@plexum/plugin-sdk";
import type { Watcher } from "./conversation.ts";

type Style = Parameters<typeof styleText>[0];

const LABEL_WIDTH = 8;

/** Shows a conversation to the user, event by event as it happens. */
export class Screen implements Watcher {
  readonly #out = process.stdout;
  #turnStarted = 0;
  #working: NodeJS.Timeout | undefined;
  /** The message whose pieces are at the end of the last line. */
  #openMessage: string | undefined;
  #firstWordAfter: number | undefined;
  #transport = "";

  heading(text: string): void {
    const width = Math.min(this.#out.columns ?? 80, 100);
    this.line("");
    this.line(styled("bold", `── ${text} ${"─".repeat(Math.max(0, width - text.length - 4))}`));
  }

  line(text: string): void {
    this.#clearProgress();
    this.#closeMessage();
    this.#out.write(`${text}\n`);
  }

  /** Shows a labeled paragraph. Text from others can't move the cursor or change colors. */
  entry(label: string, text: string, style: Style = "reset"): void {
    const [first = "", ...rest] = stripVTControlCharacters(text).trimEnd().split("\n");
    this.line(`${styled(style, label.padEnd(LABEL_WIDTH))}${first}`);
    for (const line of rest) this.line(" ".repeat(LABEL_WIDTH) + line);
  }

  onEvent(event: ProviderEvent): void {
    switch (event.type) {
      case "message_start":
        this.#startProgress();
        break;
      case "text_delta":
        this.#text(event);
        break;
      case "tool_call_start":
        this.entry("call", `${event.tool_call.name}  ${styled("dim", event.tool_call.id)}`, "cyan");
        break;
      case "tool_call_delta":
        this.entry("", styled("dim", event.tool_call.arguments));
        break;
      case "tool_result":
        this.entry(event.tool_result.is_error ? "failed" : "result", shortened(event.tool_result.content), "cyan");
        break;
      case "error":
        this.entry("error", `${event.error.code}: ${event.error.message}`, "red");
        break;
      case "message_end":
        this.#endProgress();
        this.#end(event);
        break;
    }
  }

  onHostCall({ name }: HostToolCall): void {
    this.entry("host", `runs its tool ${name}`, "magenta");
  }

  /** Shows two texts side by side, cut to fit. */
  columns(left: readonly string[], right: readonly string[]): void {
    const width = Math.floor((Math.min(this.#out.columns ?? 100, 140) - LABEL_WIDTH - 3) / 2);
    const rows = Math.min(MOST_ROWS, Math.max(left.length, right.length));
    for (let row = 0; row < rows; row++) {
      this.entry("", `${cell(folded(left)[row], width)} │ ${cell(folded(right)[row], width).trimEnd()}`);
    }
  }

  onLog({ level, message, fields }: LogEntry): void {
    if (typeof fields.transport === "string")
      this.#transport = message === "turn on a kept codex" ? `a kept ${fields.transport}` : fields.transport;
    if (level === "debug" || level === "info") return;
    this.entry(level, message, level === "error" ? "red" : "yellow");
  }

  /** Writes the pieces of a message one after the other, as they arrive. */
  #text({ text, message_id: id }: Extract<ProviderEvent, { type: "text_delta" }>): void {
    this.#firstWordAfter ??= performance.now() - this.#turnStarted;
    if (id === undefined) {
      this.entry("codex", text, "green");
      return;
    }
    this.#clearProgress();
    if (this.#openMessage !== id) {
      this.#closeMessage();
      this.#out.write(styled("green", "codex".padEnd(LABEL_WIDTH)));
      this.#openMessage = id;
    }
    this.#out.write(withoutControls(text).replaceAll("\n", `\n${" ".repeat(LABEL_WIDTH)}`));
  }

  #closeMessage(): void {
    if (this.#openMessage !== undefined) this.#out.write("\n");
    this.#openMessage = undefined;
  }

  #end({ stop_reason, usage }: Extract<ProviderEvent, { type: "message_end" }>): void {
    const { input_tokens, cache_read_tokens, output_tokens, thinking_tokens } = usage;
    const seconds = ((performance.now() - this.#turnStarted) / 1000).toFixed(2);
    const tokens = `${input_tokens} tokens in (${cache_read_tokens} cached), ${output_tokens} out (${thinking_tokens} thinking)`;
    const first =
      this.#firstWordAfter === undefined ? "" : `, first word after ${(this.#firstWordAfter / 1000).toFixed(2)} s`;
    this.entry("", styled("dim", `${stop_reason} · this turn: ${tokens}`));
    this.entry("", styled("dim", `${seconds} s by ${this.#transport}${first}`));
  }

  /** On a terminal, shows a line while a long step is running. */
  #startProgress(): void {
    this.#turnStarted = performance.now();
    this.#firstWordAfter = undefined;
    if (!this.#out.isTTY) return;
    this.#working = setInterval(() => {
      const seconds = Math.round((performance.now() - this.#turnStarted) / 1000);
      if (this.#openMessage !== undefined) return;
      this.#clearProgress();
      this.#out.write(styled("dim", `${" ".repeat(LABEL_WIDTH)}… working, ${seconds} s`));
    }, 1000);
  }

  #endProgress(): void {
    clearInterval(this.#working);
    this.#clearProgress();
    this.#working = undefined;
  }

  #clearProgress(): void {
    if (this.#working !== undefined && this.#openMessage === undefined) this.#out.write("\r\x1b[K");
  }
}

/** Removes only control characters, since a piece may end in the middle of an escape sequence. */
const withoutControls = (text: string) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");

const styled = (style: Style, text: string) => styleText(style, text, { stream: process.stdout });

const MOST_ROWS = 8;

/** Returns the first rows and the last, with the number of hidden rows between them. */
function folded(rows: readonly string[]): readonly string[] {
  if (rows.length <= MOST_ROWS) return rows;
  const hidden = rows.length - MOST_ROWS + 1;
  return [...rows.slice(0, MOST_ROWS - 2), `… ${hidden} lines …`, ...rows.slice(-1)];
}

function cell(text = "", width: number): string {
  const plain = stripVTControlCharacters(text);
  return plain.length > width ? `${plain.slice(0, width - 1)}…` : plain.padEnd(width);
}

function shortened(content: unknown): string {
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  return folded(text.trimEnd().split("\n")).join("\n");
}
