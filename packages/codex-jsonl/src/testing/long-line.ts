/**
 * Writes one line of 64 MiB in pieces of 64 KiB. Prints as JSON the type of the result and by how many bytes the process's
 * peak memory grew. Runs as a separate process, because the peak can't be reset.
 */
import { createEventParser } from "../index.ts";

const LINE_BYTES = 64 * 1024 * 1024;
const [head, tail] = [
  '{"type":"item.completed","item":{"id":"item_0","type":"command_execution","command":"…","aggregated_output":"',
  '","exit_code":0,"status":"completed"}}\n',
].map((text) => Buffer.from(text)) as [Buffer, Buffer];
const filler = Buffer.alloc(64 * 1024, "x");

let type: string | undefined;
const parser = createEventParser({
  onEvent: (event) => {
    type = event.type;
  },
  onOversized: (line) => {
    type = line.type;
  },
});
const before = process.resourceUsage().maxRSS;
parser.write(head);
for (let written = head.length; written < LINE_BYTES; written += filler.length) parser.write(filler);
parser.write(tail);
const growth = (process.resourceUsage().maxRSS - before) * 1024;
console.log(JSON.stringify({ type, growth, lineBytes: LINE_BYTES }));
