import { createEventParser, type ParsedEvent } from "@plexum/codex-jsonl";
import { chunksOf, type FuzzInput, type FuzzTarget, must } from "../fuzz-target.ts";

/** The parser of the output of `codex exec --json`: its result must not depend on how the bytes arrive. */
export const codexEvents: FuzzTarget = {
  name: "codex-events",
  run(input) {
    const inChunks = eventsOf(input);
    const atOnce = eventsOf({ ...input, chunkLengths: [] });
    must(inChunks.length === atOnce.length, "as many events in chunks as at once");
    if (input.bytes.length > 100_000) return;
    must(JSON.stringify(inChunks) === JSON.stringify(atOnce), "the same events in chunks as at once");
    const lines = input.bytes
      .toString("latin1")
      .split("\n")
      .filter((line) => /[^ \t\r]/.test(line));
    must(atOnce.length === lines.length, "one result for each line that is not blank");
  },
};

function eventsOf(input: FuzzInput): ParsedEvent[] {
  const events: ParsedEvent[] = [];
  const take = (event: ParsedEvent) => void events.push(event);
  const parser = createEventParser({ onEvent: take, onUnknown: take, onMalformed: take, onOversized: take });
  for (const chunk of chunksOf(input)) parser.write(chunk);
  parser.end();
  return events;
}
