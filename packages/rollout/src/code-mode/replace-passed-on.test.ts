import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { replacePassedOn } from "./replace-passed-on.ts";

const CUT = "…77 tokens truncated…";
const consume = (output: string, ...texts: string[]) =>
  replacePassedOn(
    output,
    texts.map((text) => ({ text, isJson: false })),
    "(gone)",
  );

describe("a result that codex cut the middle out of", () => {
  const log = "an equal line of a log\n".repeat(200);

  it("is replaced completely on both sides of the cut if it repeats itself", () => {
    expect(consume(`before ${log.slice(0, 1_000)}${CUT}${log.slice(-1_000)} after`, log)).toBe("before (gone) after");
    expect(consume(JSON.stringify({ log }).replace(/(?<=^.{500}).*(?=.{500}$)/, CUT), log)).toBe('{"log":"(gone)"}');
  });

  it("is replaced together with the same text right after it, and with nothing else", () => {
    const more = "an equal line of a log\n".repeat(5);
    expect(consume(`${log.slice(0, 1_000)}${CUT}${log.slice(-1_000)}${more}end`, log)).toBe("(gone)end");
    const other = "a line of another log, and equal\n".repeat(5);
    expect(consume(`${log.slice(0, 1_000)}${CUT}${log.slice(-1_000)}${other}`, log)).toBe(`(gone)${other}`);
  });

  it("is replaced also where it was passed on complete, and another text at the cut stays", () => {
    const text = Array.from({ length: 50 }, (_, row) => `row ${row} of it`).join("\n");
    const [start, end] = [text.slice(0, 300), text.slice(-300)];
    expect(consume(`${text}\n---\n${start}${CUT}${end}\n---\n${text}`, text)).toBe("(gone)\n---\n(gone)\n---\n(gone)");
    const another = `another's${CUT}${end}`;
    expect(consume(`${text}\n---\n${another}`, text)).toBe(`(gone)\n---\n${another}`);
  });

  it("is replaced completely, and nothing around it is", () => {
    const word = fc.constantFrom("a", "b", "ab ", "\n", '"', "é", "𝄞");
    const result = fc
      .array(word, { minLength: 1, maxLength: 60 })
      .map((words) => Array.from({ length: 60 }, (_, index) => words[index % words.length]).join(""))
      .filter((text) => text.trim() !== "");
    const position = fc.integer({ min: 30, max: 39 });
    fc.assert(
      fc.property(result, position, position, (text, head, tail) => {
        const characters = [...text];
        const kept = [characters.slice(0, head).join(""), characters.slice(-tail).join("")];
        expect(consume(`<before>${kept.join(CUT)}<after>`, text)).toBe("<before>(gone)<after>");
      }),
    );
  });
});
