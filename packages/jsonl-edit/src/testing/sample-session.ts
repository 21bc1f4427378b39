import { type EditJsonlOptions, type EditReport, editJsonl } from "../edit/edit-jsonl.ts";

/** A line of the sample has one result. Every result has a call before it and noise after it. */
export interface SampleResult {
  readonly id: string;
  readonly result: string;
}

export const sampleResults = (count: number, bytes = 200): SampleResult[] =>
  Array.from({ length: count }, (_, index) => ({ id: `id_${index}`, result: `${index} `.padEnd(bytes, "secret ") }));

/** Returns a session file with these results: `call` and `result` lines, and lines of noise. */
export function sampleSession(results: readonly SampleResult[], padding = 0): string {
  const lines = results.flatMap(({ id, result }) => [
    JSON.stringify({ kind: "call", id, arguments: { path: "a/long/path" } }),
    JSON.stringify({ kind: "result", id, result, display: result }),
    JSON.stringify({ kind: "noise", text: "x".repeat(padding) }),
  ]);
  return `${lines.join("\n")}\n`;
}

/** Replaces both copies of some results. */
export function editResults(
  path: string,
  results: readonly SampleResult[],
  options: EditJsonlOptions<string> = {},
): Promise<EditReport<string>> {
  const wanted = new Map(results.map(({ id, result }) => [id, result]));
  return editJsonl(
    path,
    wanted.keys(),
    (line) => {
      const id = line.value.get("id")?.string;
      if (id === undefined || !line.ids.has(id)) return;
      if (line.value.get("kind")?.string === "call") line.done(id);
      else
        for (const key of ["result", "display"])
          for (const value of line.value.all(key)) line.replace(id, value, wanted.get(id));
    },
    options,
  );
}

/** Allows a rewrite, for files that nobody else has open. */
export const anyRewrite: Pick<EditJsonlOptions<string>, "guardRewrite"> = {
  guardRewrite: async () => ({ async [Symbol.asyncDispose]() {} }),
};
