import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { clearPath, readRegularFile } from "@plexum/session-store";

/** Changes with the format of the records: an index of another version is not read. */
export const HEADER = "plexum-codex sessions 3";

const UNFINISHED_MS = 60_000;

/** The index of a hundred thousand sessions is some 50 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * What is known about the files of one codex home, by their names, in one file in the user's cache. It is only a hint: every record
 * says which state of its file it is for. It may be deleted at any time. If two processes write it at once, the last one wins.
 */
export class SessionIndex {
  readonly #path: string;
  readonly #folder: string;
  /** The unparsed records, by the file's name as JSON. A record is parsed when it is needed. */
  readonly #lines: Map<string, string>;
  #changed = false;

  private constructor(folder: string, path: string, lines: Map<string, string>) {
    this.#folder = folder;
    this.#path = path;
    this.#lines = lines;
  }

  /** Loads the index. If it can't be read, it is empty. */
  static async load(folder: string, codexHome: string): Promise<SessionIndex> {
    const home = createHash("sha256").update(resolve(codexHome)).digest("hex").slice(0, 16);
    const path = join(folder, `sessions-${home}.index`);
    const text = await readRegularFile(path, MAX_BYTES).catch(() => "");
    const lines = new Map<string, string>();
    if (text.startsWith(`${HEADER}\n`)) {
      for (const line of text.slice(HEADER.length + 1).split("\n")) {
        const tab = line.indexOf("\t");
        if (tab !== -1) lines.set(line.slice(0, tab), line.slice(tab + 1));
      }
    }
    return new SessionIndex(folder, path, lines);
  }

  get<Record extends { size: number; mtimeMs: number; end: number; guard: string }>(name: string): Record | undefined {
    const text = this.#lines.get(JSON.stringify(name));
    if (text === undefined) return undefined;
    try {
      const record = JSON.parse(text);
      const isWhole =
        [record.size, record.mtimeMs, record.end].every(Number.isFinite) && typeof record.guard === "string";
      return isWhole ? record : undefined;
    } catch {
      return undefined;
    }
  }

  set(name: string, record: object): void {
    const key = JSON.stringify(name);
    const text = JSON.stringify(record);
    if (this.#lines.get(key) === text) return;
    this.#lines.set(key, text);
    this.#changed = true;
  }

  /** Removes leftovers of killed processes: files too old to belong to a process that is still writing. */
  async #removeUnfinished(): Promise<void> {
    const latest = Date.now() - UNFINISHED_MS;
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (!name.endsWith(".new") || !path.startsWith(this.#path)) continue;
      if ((await stat(path)).mtimeMs < latest) await clearPath(path);
    }
  }

  /** Writes the index if anything is new, with the records of these files only. A failure only costs time later. */
  async save(names: Iterable<string>): Promise<void> {
    if (!this.#changed) return;
    const wanted = new Set(names);
    const kept = Array.from(this.#lines)
      .filter(([key]) => wanted.has(nameOf(key)))
      .map(([key, text]) => `${key}\t${text}\n`);
    const fresh = `${this.#path}.${randomUUID()}.new`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#removeUnfinished();
      // It contains users' messages.
      await writeFile(fresh, [`${HEADER}\n`, ...kept].join(""), { mode: 0o600, flag: "wx" });
      await rename(fresh, this.#path).catch(async (error: NodeJS.ErrnoException) => {
        if (error.code !== "EISDIR") throw error;
        await clearPath(this.#path);
        await rename(fresh, this.#path);
      });
    } catch {
      await rm(fresh, { force: true }).catch(() => {});
    }
  }
}

function nameOf(key: string): string {
  try {
    return JSON.parse(key);
  } catch {
    return "";
  }
}
