import * as fs from "node:fs";
import * as fsp from "node:fs/promises";
import { promisify } from "node:util";
import type { ReadableFile } from "./open-rollout.ts";

const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

export interface OpenFile extends ReadableFile {
  /** Writes all of it. */
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
  sync(): Promise<void>;
  stat(): Promise<fs.BigIntStats>;
  /** No other call may be under way. */
  close(): Promise<void>;
}

/**
 * The file operations that a mutation consists of: tests put a crash between any two of them.
 *
 * The small ones are synchronous inside: they take a few microseconds, and a mutation does some twenty of them. What may wait for
 * the disk (reading, writing, flushing) is not.
 */
export interface Files {
  open(path: string, flags: string, mode?: number): Promise<OpenFile>;
  /** Undefined if there is nothing. */
  stat(path: string): Promise<fs.BigIntStats | undefined>;
  /** Undefined if there is nothing. */
  readSmall(path: string): Promise<Buffer | undefined>;
  /** Makes a file that is not there yet, in one go and without a flush. */
  writeSmall(path: string, bytes: Uint8Array): Promise<void>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Does nothing if there is nothing. */
  unlink(path: string): Promise<void>;
  /** Gives a file the mode and the owner of another; an owner only as far as this user may. */
  copyOwner(from: fs.BigIntStats, path: string): Promise<void>;
  /** Makes a directory's entries durable, where the system can do so. */
  syncDirectory(path: string): Promise<void>;
}

export const nodeFiles: Files = {
  async open(path, flags, mode) {
    const fd = fs.openSync(path, flags, mode);
    return {
      read: (buffer, offset, length, position) => read(fd, buffer, offset, length, position),
      async write(bytes, offset, length, position) {
        for (let written = 0; written < length; )
          written += (await write(fd, bytes, offset + written, length - written, position + written)).bytesWritten;
      },
      sync: () => fdatasync(fd),
      stat: async () => fs.fstatSync(fd, { bigint: true }),
      close: async () => fs.closeSync(fd),
    };
  },
  async stat(path) {
    return fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  },
  async readSmall(path) {
    try {
      return fs.readFileSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  async writeSmall(path, bytes) {
    fs.writeFileSync(path, bytes, { flag: "wx", mode: 0o600 });
  },
  async link(from, to) {
    fs.linkSync(from, to);
  },
  async rename(from, to) {
    fs.renameSync(from, to);
  },
  async unlink(path) {
    try {
      fs.unlinkSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  },
  async copyOwner(from, path) {
    const made = fs.statSync(path, { bigint: true });
    if (made.uid !== from.uid || made.gid !== from.gid)
      await fsp.chown(path, Number(from.uid), Number(from.gid)).catch(() => {});
    await fsp.chmod(path, Number(from.mode) & 0o7777);
  },
  async syncDirectory(path) {
    // Windows can't open a directory, and needs no such flush.
    if (process.platform === "win32") return;
    const handle = await fsp.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

export const sameFile = (a: fs.BigIntStats, b: fs.BigIntStats | undefined): boolean =>
  b !== undefined && a.ino === b.ino && a.dev === b.dev;
