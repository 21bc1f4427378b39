import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, it } from "vitest";
import { editLeftovers, lockJsonl, recoverJsonl } from "../index.ts";
import { faultyFiles, isCompleted } from "../testing/faulty-files.ts";
import { editResults, sampleResults, sampleSession } from "../testing/sample-session.ts";
import { ownIdentity } from "./process-identity.ts";
import { Sidecars } from "./sidecar.ts";

const content = sampleSession(sampleResults(3));
const gone = (nonce: string) => JSON.stringify({ ...ownIdentity(), pid: 2 ** 22 + 1, nonce });
const alive = (nonce: string) => JSON.stringify({ ...ownIdentity(), nonce });

async function session() {
  const folder = await temporaryFolder();
  const path = join(folder.path, "here", "session.jsonl");
  await mkdir(dirname(path));
  await writeFile(path, content);
  const lock = new Sidecars(path).path("lock");
  const names = async () => (await readdir(dirname(path))).filter((name) => name !== "session.jsonl").sort();
  return { path, lock, names, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe("recovery removes the locks of killed editors", () => {
  it("including locks to take over a lock, and drafts, but none of a running process", async () => {
    await using one = await session();
    await writeFile(one.lock, gone("11"));
    await writeFile(`${one.lock}-11`, gone("12"));
    await writeFile(`${one.lock}-11-13-draft`, gone("13"));
    await writeFile(`${one.lock}-14-draft`, gone("14"));
    await writeFile(`${one.lock}-15-draft`, "");
    await utimes(`${one.lock}-15-draft`, 0, 0);
    const kept = [`${one.lock}-16`, `${one.lock}-17-draft`, `${one.lock}-18-draft`];
    await writeFile(`${one.lock}-16`, alive("16"));
    await writeFile(`${one.lock}-17-draft`, alive("17"));
    // Its writer can't be determined yet.
    await writeFile(`${one.lock}-18-draft`, '{"pid":');
    expect(await recoverJsonl(one.path)).toBe("clean");
    expect((await one.names()).map((name) => join(dirname(one.path), name))).toEqual(kept);
    expect(await readFile(one.path, "utf8")).toBe(content);
  });

  it("after a kill at any operation of an edit", async () => {
    for (let at = 1, isOver = false; !isOver; at++) {
      await using one = await session();
      isOver = await isCompleted(editResults(one.path, [{ id: "id_1", result: "x" }], { files: faultyFiles(at) }));
      for (const name of await one.names()) {
        const path = join(dirname(one.path), name);
        const holder = name.includes(".lock") ? await readFile(path, "utf8") : "";
        if (holder.endsWith("}")) await writeFile(path, gone(JSON.parse(holder).nonce));
        // A minute later.
        else if (name.endsWith("-draft")) await utimes(path, 0, 0);
      }
      await recoverJsonl(one.path);
      expect(await one.names(), `operation ${at}`).toEqual([]);
      expect(await editLeftovers(() => [dirname(one.path)])).toEqual([]);
      expect(at).toBeLessThan(200);
    }
  });

  it("but not those of a running editor, and does not wait for it", async () => {
    await using one = await session();
    await using _locked = await lockJsonl(one.path);
    expect(await recoverJsonl(one.path, { waitMs: 0 })).toBe("clean");
    expect(await one.names()).toHaveLength(1);
  });

  it("and succeeds even if one of them can't be removed", async () => {
    await using one = await session();
    await mkdir(`${one.lock}-19-draft`);
    expect(await recoverJsonl(one.path)).toBe("clean");
    expect(await editResults(one.path, [{ id: "id_1", result: "x" }])).toMatchObject({ mode: "in-place" });
  });
});
