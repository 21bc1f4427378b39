import { BackwardLineSplitter, LineSplitter, type SplitLine } from "@plexum/jsonl";
import { chunksOf, type FuzzTarget, must } from "../fuzz-target.ts";

/** The line splitters, with a cap that some lines exceed. */
export const jsonlLines: FuzzTarget = {
  name: "jsonl-lines",
  run(input) {
    for (const maxLineBytes of [2000, 32 * 1024 * 1024]) {
      const splitter = new LineSplitter({ maxLineBytes });
      const forward = [...chunksOf(input)].flatMap((chunk) => splitter.write(chunk));
      forward.push(...splitter.end());
      checkPlaces(forward, input.bytes);

      const mirrored = new BackwardLineSplitter(input.bytes.length, { maxLineBytes });
      const backward = [...chunksOf(input)].reverse().flatMap((chunk) => mirrored.write(chunk));
      backward.push(...mirrored.end());
      must(backward.length === forward.length, "as many lines backward as forward");
      for (const [index, line] of backward.reverse().entries())
        must(isSame(line, forward[index] as SplitLine), `line ${index} is the same backward and forward`);
    }
  },
};

function checkPlaces(lines: readonly SplitLine[], bytes: Buffer): void {
  let at = 0;
  for (const line of lines) {
    must(line.offset === at, "a line begins where the one before it ends");
    const whole = bytes.subarray(at, at + line.length);
    const kept = line.kind === "line" ? line.bytes : line.head;
    must(whole.subarray(0, kept.length).equals(kept), "a line has the input's bytes");
    must(line.kind === "oversized" || kept.length === line.length, "a line is whole, or said to be oversized");
    must(!whole.includes(0x0a), "no newline is in a line");
    at += line.length + (line.terminated ? 1 : 0);
  }
  must(at === bytes.length, "no byte is lost");
}

function isSame(a: SplitLine, b: SplitLine): boolean {
  const [bytesOfA, bytesOfB] = [a, b].map((line) => Buffer.from(line.kind === "line" ? line.bytes : line.head));
  return (
    a.kind === b.kind &&
    a.offset === b.offset &&
    a.length === b.length &&
    a.terminated === b.terminated &&
    bytesOfA?.equals(bytesOfB as Buffer) === true
  );
}
