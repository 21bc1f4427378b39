import * as fs from "node:fs";
import * as fsp from "node:fs/promises";
import { promisify } from "node:util";
import { isErrno, JsonlEditError } from "./errors.ts";

const read = promisify(fs.read);
const write = promisify(fs.write);
const fdatasync = promisify(fs.fdatasync);

/** The part of an open file that reads at an offset need. */
export interface ReadableFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
}

/** An open file. */
export interface OpenFile extends ReadableFile {
  /** Writes all the bytes. */
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<unknown>;
  /** Flushes the file's content to the disk. */
  sync(): Promise<void>;
  stat(): Promise<fs.BigIntStats>;
  /** Call it only when no other call is in progress. */
  close(): Promise<void>;
}

/** Read; read and write; create a new file to write; create a new file to read and write. */
export type OpenFlags = "r" | "r+" | "wx" | "wx+";

/**
 * The file operations that an edit consists of. Tests simulate a crash between any two of them.
 *
 * The small ones are synchronous inside, since they take a few microseconds and an edit has some twenty of them. Those that may wait
 * for the disk (reading, writing, flushing) are asynchronous. None of them waits for the other end of a pipe.
 */
export interface Files {
  open(path: string, flags: OpenFlags, mode?: number): Promise<OpenFile>;
  /** Returns undefined if there is nothing at the path. */
  stat(path: string): Promise<fs.BigIntStats | undefined>;
  /** The same, but does not follow a link. */
  lstat(path: string): Promise<fs.BigIntStats | undefined>;
  /** Reads a regular file of at most `maxBytes`. Returns `unfit` for anything else, and undefined if there is nothing at the path. */
  readSmall(path: string, maxBytes: number): Promise<Buffer | "unfit" | undefined>;
  /** Creates a file, which must not exist, in one call and without a flush. */
  writeSmall(path: string, bytes: Uint8Array): Promise<void>;
  /** Returns the names in a directory. Returns none if there is no such directory. */
  list(path: string): Promise<string[]>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. Does nothing if there is none. */
  unlink(path: string): Promise<void>;
  /** Gives a file the mode and the owner of another file. Keeps its owner if this user may not change it. */
  copyOwner(from: fs.BigIntStats, path: string): Promise<void>;
  /** Makes a directory's entries durable, if the system can. */
  syncDirectory(path: string): Promise<void>;
}

/** Windows has neither O_NONBLOCK nor O_NOFOLLOW. */
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = fs.constants;
const FLAGS = { r: O_RDONLY, "r+": O_RDWR, wx: O_RDWR | O_CREAT | O_EXCL, "wx+": O_RDWR | O_CREAT | O_EXCL };

/** The real file operations. */
export const nodeFiles: Files = {
  async open(path, flags, mode) {
    const fd = fs.openSync(path, FLAGS[flags] | O_NONBLOCK, mode);
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
  async lstat(path) {
    return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  },
  async readSmall(path, maxBytes) {
    const isUnfit = (stat: fs.Stats) => !stat.isFile() || stat.size > maxBytes;
    // Opening a device may have an effect.
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    if (isUnfit(stat)) return "unfit";
    let fd: number | undefined;
    try {
      fd = fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
      return isUnfit(fs.fstatSync(fd)) ? "unfit" : fs.readFileSync(fd);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      if (isErrno(error, "ELOOP", "ENXIO")) return "unfit";
      throw error;
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  },
  async writeSmall(path, bytes) {
    fs.writeFileSync(path, bytes, { flag: "wx", mode: 0o600 });
  },
  async list(path) {
    try {
      return await fsp.readdir(path);
    } catch (error) {
      if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
      throw error;
    }
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
      if (!isErrno(error, "ENOENT")) throw error;
    }
  },
  async copyOwner(from, path) {
    const made = fs.statSync(path, { bigint: true });
    if (made.uid !== from.uid || made.gid !== from.gid)
      await fsp.chown(path, Number(from.uid), Number(from.gid)).catch(() => {});
    await fsp.chmod(path, Number(from.mode) & 0o7777);
  },
  async syncDirectory(path) {
    // Windows can't open a directory, and does not need this flush.
    if (process.platform === "win32") return;
    const handle = await fsp.open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};

/** Returns whether two results of `stat` are for the same file. */
export const sameFile = (a: fs.BigIntStats, b: fs.BigIntStats | undefined): boolean =>
  b !== undefined && a.ino === b.ino && a.dev === b.dev;

/**
 * Reads from one offset up to another into a buffer.
 * @throws JsonlEditError `replaced` if the file ends earlier.
 */
export async function readInto(
  file: ReadableFile,
  path: string,
  buffer: Buffer,
  from: number,
  to: number,
): Promise<Buffer> {
  for (let filled = 0; filled < to - from; ) {
    const { bytesRead } = await file.read(buffer, filled, to - from - filled, from + filled);
    if (bytesRead === 0)
      throw new JsonlEditError("replaced", path, `${path} was shortened while it was being read; try again`);
    filled += bytesRead;
  }
  return buffer.subarray(0, to - from);
}
