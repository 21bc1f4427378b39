import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it } from "vitest";
import { editLeftovers, recoverBeforeReading, recoverJsonl } from "../index.ts";
import { editResults, sampleResults, sampleSession } from "../testing/sample-session.ts";
import { type SidecarKind, Sidecars } from "./sidecar.ts";

const withHash = (body: string) => body + createHash("sha256").update(body).digest("hex").slice(0, 32);

/** Things that an edit never leaves under the name of one of its files. */
const FOREIGN: [what: string, kinds: SidecarKind[], make: (path: string) => Promise<unknown> | unknown][] = [
  ["a pipe", ["lock", "redo", "new"], (path) => execFileSync("mkfifo", [path])],
  ["a folder", ["lock", "redo", "new"], (path) => mkdir(path)],
  ["a folder with something in it", ["lock", "redo", "new"], (path) => mkdir(join(path, "kept"), { recursive: true })],
  [
    "a link to a pipe",
    ["lock", "redo", "new"],
    (path) => {
      execFileSync("mkfifo", [`${path}-end`]);
      return symlink(`${path}-end`, path);
    },
  ],
  ["a broken link", ["lock", "redo", "new"], (path) => symlink("/nowhere/at/all", path)],
  ["a link to a device", ["lock", "redo", "new"], (path) => symlink("/dev/zero", path)],
  [
    "3 GB",
    ["lock", "redo"],
    async (path) => {
      await writeFile(path, '{"version":1,');
      await truncate(path, 3e9);
    },
  ],
  ["a text", ["lock", "redo"], (path) => writeFile(path, "notes of a person\n")],
  ["other JSON", ["lock", "redo"], (path) => writeFile(path, "null")],
  [
    "a lock that names a folder elsewhere",
    ["lock"],
    (path) =>
      writeFile(path, JSON.stringify({ pid: 1, started: "", host: "h", boot: "", namespace: "", nonce: "../../x" })),
  ],
  ["a journal of a later version", ["redo"], (path) => writeFile(path, withHash('{"version":2,"lines":[]}\n'))],
  ["a journal that is not JSON", ["redo"], (path) => writeFile(path, withHash('{"version":1,nothing\n'))],
  [
    "a journal of another form",
    ["redo"],
    (path) => writeFile(path, withHash('{"version":1,"lines":[{"offset":"0"}]}\n')),
  ],
];

const cases = FOREIGN.flatMap(([what, kinds, make]) => kinds.map((kind) => ({ what, kind, make })));

async function sessionWith(kind: SidecarKind, make: (path: string) => unknown) {
  const folder = await temporaryFolder();
  const path = join(folder.path, "session.jsonl");
  await writeFile(path, sampleSession(sampleResults(3)));
  const sidecar = new Sidecars(path).path(kind);
  await make(sidecar);
  const warnings: string[] = [];
  return {
    folder: folder.path,
    path,
    sidecar,
    warnings,
    options: { waitMs: 0, onWarning: (message: string) => void warnings.push(message) },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

const consumed = [{ id: "id_1", result: "...(consumed)" }];

describe.each(cases)("$what under the name of a $kind", ({ kind, make }) => {
  it("is set aside by an edit, which continues, and named in a warning", async () => {
    await using session = await sessionWith(kind, make);
    const report = await editResults(session.path, consumed, session.options);
    expect(report).toMatchObject({ mode: "in-place", edited: ["id_1"] });
    expect(session.warnings).toEqual([expect.stringContaining(session.sidecar)]);
    const left = (await readdir(session.folder)).filter((name) => name !== "session.jsonl" && !name.endsWith("-end"));
    expect(left).toEqual([expect.stringMatching(/\.set-aside-[0-9a-f]{8}$/)]);
    expect(await editResults(session.path, consumed, session.options)).toMatchObject({ mode: "unchanged" });
    expect(session.warnings).toHaveLength(1);
  });

  it("does not prevent recovery or reading", async () => {
    await using session = await sessionWith(kind, make);
    await recoverBeforeReading(session.path, session.options);
    expect(await recoverJsonl(session.path, session.options)).toBe("clean");
    expect(await recoverJsonl(session.path, session.options)).toBe("clean");
    const names = await readdir(session.folder);
    expect(names.filter((name) => /\.(lock|redo|new)$/.test(name))).toEqual([]);
    expect(await readFile(session.path, "utf8")).toBe(sampleSession(sampleResults(3)));
  });

  it("is found among leftovers, whether or not the file exists, and is not deleted", async () => {
    for (const isGone of [false, true]) {
      await using session = await sessionWith(kind, make);
      if (isGone) execFileSync("rm", [session.path]);
      const { onWarning } = session.options;
      for (const found of await editLeftovers(() => [session.folder], { onWarning })) await found.repair();
      expect(await editLeftovers(() => [session.folder], { onWarning })).toEqual([]);
      expect((await readdir(session.folder)).some((name) => name.includes(".set-aside-"))).toBe(true);
    }
  });
});

it("a pipe in its place never blocks, checked in a separate process", () => {
  const script = `import { editResults } from ${JSON.stringify(new URL("../testing/sample-session.ts", import.meta.url).href)};
import { Sidecars } from ${JSON.stringify(new URL("./sidecar.ts", import.meta.url).href)};
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
const folder = mkdtempSync(tmpdir() + "/jsonl-edit-");
const path = folder + "/session.jsonl";
writeFileSync(path, ${JSON.stringify(sampleSession(sampleResults(3)))});
for (const kind of ["lock", "redo", "new"]) execFileSync("mkfifo", [new Sidecars(path).path(kind)]);
const report = await editResults(path, [{ id: "id_0", result: "x" }], { onWarning() {} });
rmSync(folder, { recursive: true });
console.log(report.mode);`;
  const args = ["--input-type=module", "-e", script];
  const { stdout, signal } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  expect({ stdout, signal }).toEqual({ stdout: "in-place\n", signal: null });
});
