import { mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Returns a line as codex 0.169 writes it, reduced to what matters here. */
export const line = (time: string, type: string, payload: object): string =>
  `${JSON.stringify({ timestamp: time, type, payload })}\n`;

export const meta = (time: string, id: string, cwd = "/work", more: object = {}): string =>
  line(time, "session_meta", { id, cwd, ...more });

/** Returns a user message in both its forms. */
export const said = (time: string, text: string): string =>
  item(time, text) +
  line(time, "event_msg", { type: "item_completed", item: { type: "UserMessage", content: [{ type: "text", text }] } });

/** Returns a user message in the form that the model gets. */
export const item = (time: string, ...texts: string[]): string =>
  line(time, "response_item", {
    type: "message",
    role: "user",
    content: texts.map((text) => ({ type: "input_text", text })),
  });

export const at = (minute: number): string => new Date(Date.UTC(2026, 0, 2, 0, minute)).toISOString();

/** Returns the `number`th of some ids, in codex's form. */
export const threadId = (number: number): string => `0199a213-81c0-7800-8aa1-${number.toString(16).padStart(12, "0")}`;

/** Writes a rollout where codex would put it, last changed at the time given. */
export async function writeRollout(
  codexHome: string,
  id: string,
  content: string | Buffer,
  options: { mtime?: string; folder?: string; name?: string } = {},
): Promise<string> {
  const { mtime = at(0), folder = "sessions/2026/01/02", name = `rollout-2026-01-02T00-00-00-${id}.jsonl` } = options;
  const path = join(codexHome, folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await utimes(path, new Date(mtime), new Date(mtime));
  return path;
}
