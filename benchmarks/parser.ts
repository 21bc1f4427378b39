/**
 * Measures the parser of `codex exec --json` on the recorded streams: `node benchmarks/parser.ts`.
 *
 * The limit is the work that no parser can avoid: each line, split in advance, from bytes to a string to `JSON.parse`. The rival is
 * `node:readline` and `JSON.parse`. Neither checks the events.
 */
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { createEventParser, parseEvents } from "@plexum/codex-jsonl";

const FIXTURES = new URL("../fixtures/codex-exec-stream/", import.meta.url);
const ROUNDS = 21;
const AIM = 1.15;

const recorded = Buffer.concat(
  readdirSync(FIXTURES).map((name) => readFileSync(new URL(`${name}/stdout.jsonl`, FIXTURES))),
);

/** Returns what a run saw. Adding it up prevents the work from being optimized away. */
type Run = () => number | Promise<number>;

interface Subject {
  readonly name: string;
  readonly run: (chunks: readonly Buffer[]) => number | Promise<number>;
}

const subjects: readonly Subject[] = [
  {
    name: "createEventParser",
    run(chunks) {
      let events = 0;
      const parser = createEventParser({ onEvent: () => events++ });
      for (const chunk of chunks) parser.write(chunk);
      parser.end();
      return events;
    },
  },
  {
    name: "parseEvents",
    async run(chunks) {
      let events = 0;
      for await (const _event of parseEvents(chunks)) events++;
      return events;
    },
  },
  {
    name: "node:readline + JSON.parse",
    run: (chunks) =>
      new Promise((resolve) => {
        let events = 0;
        const lines = createInterface({ input: Readable.from(chunks), crlfDelay: Number.POSITIVE_INFINITY });
        lines.on("line", (line) => {
          try {
            JSON.parse(line);
            events++;
          } catch {
            // readline also splits at U+2028 and U+2029, which codex writes inside strings: those events are lost.
          }
        });
        lines.on("close", () => resolve(events));
      }),
  },
];

async function time(run: Run): Promise<number> {
  const start = process.hrtime.bigint();
  await run();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function measure(chunkBytes: number, copies: number): Promise<void> {
  const input = Buffer.concat(Array.from({ length: copies }, () => recorded));
  const lines = splitBeforehand(input);
  const chunks = Array.from({ length: Math.ceil(input.length / chunkBytes) }, (_, i) =>
    input.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const limit = () => {
    let events = 0;
    for (const line of lines) if (JSON.parse(line.toString()) !== null) events++;
    return events;
  };
  for (const { name, run } of subjects) {
    const events = await run(chunks);
    // Side by side, so that other load of the machine affects both. The first rounds warm up.
    const times: { own: number; limit: number }[] = [];
    for (let round = 0; round < ROUNDS + 3; round++) {
      times.push({ own: await time(() => run(chunks)), limit: await time(limit) });
    }
    const measured = times.slice(3);
    const ratio = median(measured.map(({ own, limit }) => own / limit));
    const own = median(measured.map(({ own }) => own));
    console.log(
      [
        `${chunkBytes} B`.padStart(8),
        name.padEnd(27),
        `${(input.length / own / 1000).toFixed(1)} MB/s`.padStart(12),
        `${(input.length / median(measured.map(({ limit }) => limit)) / 1000).toFixed(1)} MB/s`.padStart(12),
        `${ratio.toFixed(2)} ×`.padStart(9),
        (name === "createEventParser" ? `≤ ${AIM} ×` : "").padStart(8),
        `${lines.length - events}`.padStart(6),
      ].join("  "),
    );
  }
}

function splitBeforehand(input: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < input.length; ) {
    const newline = input.indexOf("\n", start);
    lines.push(input.subarray(start, newline));
    start = newline + 1;
  }
  return lines;
}

console.log(`Recorded streams: ${recorded.length} bytes, ${splitBeforehand(recorded).length} lines, repeated.\n`);
console.log("  chunks  subject                           figure         limit     time       aim    lost");
for (const [chunkBytes, copies] of [
  [64 * 1024, 64],
  [16 * 1024, 64],
  [4 * 1024, 64],
  [1024, 32],
  [64, 8],
  [1, 2],
] as const) {
  await measure(chunkBytes, copies);
}
