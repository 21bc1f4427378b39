import { readFileSync, writeFileSync } from "node:fs";
import { JsonlEditError, JsonValue } from "@plexum/jsonl-edit";
import { providerEventSchema } from "@plexum/plugin-sdk";
import { addUsage, type ClaudeEvent, toHostEvents } from "../../../../examples/claude-provider/src/claude-events.ts";
import { consume } from "../../../../examples/claude-provider/src/session-file.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

let path: string | undefined;

/** Claude Code's session file, with all its calls consumed, and its lines read as events. */
export const claudeSession: FuzzTarget = {
  name: "claude-session",
  isSlow: true,
  async run({ bytes }) {
    path ??= scratchPath("claude", "session.jsonl");
    writeFileSync(path, bytes);
    const ids = [...bytes.toString("latin1").matchAll(/"(?:tool_use_id|id)":"(toolu_[^"\\]{1,60})"/g)].map(
      ([, id]) => id,
    );
    const mutations = [...new Set(ids)].slice(0, 40).map((block_id = "", index) => ({
      block_id,
      op: ["consume-light", "consume-heavy", "__proto__", "toString"][index % 4] as string,
    }));
    try {
      await consume(path, mutations);
    } catch (error) {
      if (!JsonlEditError.isInstance(error)) throw error;
    }
    const after = readFileSync(path);
    must(after.length === bytes.length, "the file keeps its length");
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline === -1 ? bytes.length : newline;
      const [old, now] = [bytes.subarray(start, end), after.subarray(start, end)];
      if (!old.equals(now)) must(JsonValue.of(now) !== undefined, "a changed line stays JSON");
      start = end + 1;
    }
    readEvents(bytes);
  },
};

function readEvents(bytes: Buffer): void {
  let usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };
  for (const line of bytes.toString("utf8").split("\n")) {
    let event: ClaudeEvent;
    try {
      event = Object(JSON.parse(line)) as ClaudeEvent;
    } catch {
      continue;
    }
    for (const hostEvent of toHostEvents(event, new Map([["mcp__host__echo", "echo"]])))
      must(providerEventSchema.safeParse(hostEvent).success, "the host gets only events that the protocol allows");
    usage = addUsage(usage, event);
  }
}
