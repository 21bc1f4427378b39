import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EditableLine, editJsonl, JsonValue } from "../index.ts";
import { anyRewrite, editResults, sampleResults, sampleSession } from "../testing/sample-session.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

let count = 0;
async function file(content: string): Promise<string> {
  const path = join(folder.path, `${count++}.jsonl`);
  await writeFile(path, content);
  return path;
}

const linesOf = async (path: string) =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("the bytes", () => {
  it("around the replaced values stay in place, for any line, key and value", async () => {
    const oddity = fc.constantFrom(
      '"big":123456789012345678901234567890.10',
      '"same":1,"same":2',
      '"escaped":"\\u00e9\\/\\ud834\\udd1e"',
      '"spaced" :  [ 1 , { } , null ]',
    );
    const line = fc
      .tuple(fc.constantFrom("a", "b", 'q"', "é"), fc.json({ maxDepth: 2 }), oddity, oddity)
      .map(([id, value, before, after]) => `{${before},"id":${JSON.stringify(id)}, "v": ${value} ,${after}}`);
    const id = fc.constantFrom<string>("a", "b", 'q"', "é");
    const noise = fc.constantFrom("", 'not json "a"', "\0\0", '["a"]', '{"id":"other","v":"a"}');
    const content = fc.array(fc.oneof({ weight: 3, arbitrary: line }, noise), { maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(content, fc.uniqueArray(id, { minLength: 1 }), async (lines, ids) => {
        const path = await file(lines.join("\n"));
        const replace = (one: EditableLine) => {
          const id = one.value.get("id")?.string ?? "";
          const value = one.value.get("v");
          if (value !== undefined && one.ids.has(id)) one.replace(id, value, 7);
        };
        const report = await editJsonl(path, ids, replace);
        const now = (await readFile(path, "utf8")).split("\n");
        for (const [index, old] of lines.entries()) {
          const value = JsonValue.of(Buffer.from(old));
          const id = value?.get("id")?.string;
          const v = value?.get("v");
          if (id === undefined || v === undefined || !ids.includes(id)) expect(now[index]).toBe(old);
          else expect(now[index]).toBe(withValue(old, v, "7"));
        }
        const again = await editJsonl(path, ids, replace);
        expect(again).toMatchObject({ mode: "unchanged", edited: report.edited, missing: report.missing });
        await rm(path);
      }),
      { numRuns: 150 },
    );
  });
});

/** Returns the line with spaces after the new value, up to the old one's end. */
function withValue(line: string, { start, end }: { start: number; end: number }, text: string): string {
  const bytes = Buffer.from(line);
  bytes.fill(" ", start, end);
  bytes.write(text, start);
  return bytes.toString();
}

describe("a result in several lines, as Gemini CLI writes its history again on each resume", () => {
  const history = (long: string) =>
    [1, 2, 3].map((turn) => JSON.stringify({ turn, history: [{ id: "x", output: turn === 2 ? long : "a result" }] }));
  const consume = (line: EditableLine) => {
    for (const item of line.value.get("history")?.elements() ?? [])
      if (item.get("id")?.string === "x") for (const output of item.all("output")) line.replace("x", output, "gone");
  };
  const outputs = async (path: string) => (await linesOf(path)).map(({ history }) => history[0].output);

  it("is edited in all of them", async () => {
    const path = await file(`${history("a result").join("\n")}\n`);
    expect(await editJsonl(path, ["x"], consume)).toMatchObject({ mode: "in-place", edited: ["x"] });
    expect(await outputs(path)).toEqual(["gone", "gone", "gone"]);
  });

  it("is edited in none of them if one line is too long, or has to grow without permission", async () => {
    const tooLong = await file(`${history("a long result".repeat(20)).join("\n")}\n`);
    const before = await readFile(tooLong);
    const report = await editJsonl(tooLong, ["x", "y"], consume, { maxLineBytes: 200 });
    expect(report).toMatchObject({
      mode: "unchanged",
      edited: [],
      missing: ["y"],
      skipped: [{ reason: "line_too_long" }],
    });
    expect(await readFile(tooLong)).toEqual(before);

    const tooShort = await file(`${history("z").join("\n")}\n`);
    expect(await editJsonl(tooShort, ["x"], consume)).toMatchObject({
      mode: "unchanged",
      edited: [],
      skipped: [{ id: "x", reason: "has_to_grow" }],
    });
    expect(await outputs(tooShort)).toEqual(["a result", "z", "a result"]);
    const refusal = { reason: "cli-active", message: "the CLI has it open" };
    const guardRewrite = async () => ({ refusal, async [Symbol.asyncDispose]() {} });
    expect(await editJsonl(tooShort, ["x"], consume, { guardRewrite })).toMatchObject({ skipped: [refusal] });
    expect(await editJsonl(tooShort, ["x"], consume, anyRewrite)).toMatchObject({ mode: "rewritten", edited: ["x"] });
    expect(await outputs(tooShort)).toEqual(["gone", "gone", "gone"]);
  });
});

describe("an edit", () => {
  it("of a value that two ids share applies to both or to none", async () => {
    const text = '{"ids":["a","b"],"shared":"a longer text","own":"x"}\n';
    const path = await file(text);
    const edit = (line: EditableLine) => {
      for (const id of ["a", "b"]) for (const value of line.value.all("shared")) line.replace(id, value, "new");
      for (const value of line.value.all("own")) line.replace("b", value, "has to grow");
    };
    expect(await editJsonl(path, ["a", "b"], edit)).toMatchObject({ mode: "unchanged", edited: [] });
    expect(await readFile(path, "utf8")).toBe(text);
  });

  it.each([
    ["text that is not JSON", (line: EditableLine) => line.replaceText("a", line.value.all("v")[0] as JsonValue, "{")],
    ["a newline", (line: EditableLine) => line.replaceText("a", line.value.all("v")[0] as JsonValue, "1\n2")],
    [
      "a line break as white space",
      (line: EditableLine) => line.replaceText("a", line.value.all("v")[0] as JsonValue, "\n1"),
    ],
    ["nothing", (line: EditableLine) => line.replace("a", line.value.all("v")[0] as JsonValue, undefined)],
    ["a span after the end of the line", (line: EditableLine) => line.replaceText("a", { start: 5, end: 5_000 }, "1")],
    [
      "spans that overlap",
      (line: EditableLine) => {
        line.replaceText("a", line.value, "{}");
        line.replaceText("a", line.value.all("v")[0] as JsonValue, "1");
      },
    ],
  ])("that would put %s into a line is a TypeError, and nothing is written", async (_what, edit) => {
    const text = '{"id":"a","v":"some text"}\n{"id":"a","v":"some text"}\n';
    const path = await file(text);
    await expect(editJsonl(path, ["a"], edit)).rejects.toThrow(TypeError);
    expect(await readFile(path, "utf8")).toBe(text);
  });

  it("that throws writes nothing and leaves no files behind", async () => {
    const path = await file('{"id":"a"}\n');
    const before = await readdir(folder.path);
    await expect(
      editJsonl(path, ["a"], () => {
        throw new RangeError("mine");
      }),
    ).rejects.toThrow("mine");
    expect(await readdir(folder.path)).toEqual(before);
  });

  it("accepts a missing file and a link, but not a folder", async () => {
    const never = () => expect.fail("no line to edit");
    const none = await editJsonl(join(folder.path, "none"), ["a"], never);
    expect(none).toMatchObject({ mode: "unchanged", missing: ["a"] });
    const path = await file('{"id":"id_0","kind":"result","result":"a longer text"}\n');
    const link = join(folder.path, "link.jsonl");
    await symlink(path, link);
    expect(await editResults(link, [{ id: "id_0", result: "x" }])).toMatchObject({ mode: "in-place" });
    expect((await linesOf(path))[0].result).toBe("x");
    await expect(editJsonl(folder.path, ["a"], never)).rejects.toMatchObject({ code: "not_a_file" });
  });

  it("in a dry run only reports", async () => {
    const path = await file(sampleSession(sampleResults(3)));
    const { mtimeNs } = await stat(path, { bigint: true });
    const report = await editResults(path, [{ id: "id_1", result: "x" }], { dryRun: true });
    expect(report).toMatchObject({ mode: "unchanged", edited: ["id_1"], dryRun: true, bytesFreed: 398 });
    expect((await stat(path, { bigint: true })).mtimeNs).toBe(mtimeNs);
  });

  it("of 20,000 ids without a common prefix takes one pass, and lets other work run", async () => {
    const results = Array.from({ length: 20_000 }, (_, index) => ({
      id: createHash("sha256").update(`${index}`).digest("base64url"),
      result: `${index} `.padEnd(300, 'a "quoted" text '),
    }));
    const path = await file(sampleSession(results));
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    const report = await editResults(
      path,
      results.map(({ id }) => ({ id, result: "x" })),
    );
    clearInterval(count);
    expect(report.edited).toHaveLength(20_000);
    expect(turns).toBeGreaterThan(20);
    expect((await readFile(path)).includes("quoted")).toBe(false);
  });

  it("that is async, or replaces a value for another id than those given, is refused, and nothing is written", async () => {
    const content = sampleSession(sampleResults(2));
    const path = await file(content);
    const replaceFor = (id: string) => (line: EditableLine) => {
      const value = line.value.get("id");
      if (value !== undefined) line.replace(id, value, "x");
    };
    await expect(editJsonl(path, ["id_1"], replaceFor("id_2"))).rejects.toThrow(TypeError);
    const later = async (line: EditableLine) => replaceFor("id_1")(line);
    await expect(editJsonl(path, ["id_1"], later)).rejects.toThrow("must not be async");
    expect(await readFile(path, "utf8")).toBe(content);
  });
});
