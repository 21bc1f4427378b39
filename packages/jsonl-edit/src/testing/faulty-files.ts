import { type Files, nodeFiles, type OpenFile } from "../files.ts";

class Fault extends Error {}

/** Returns whether the work came to its end, and not to the operation at which `faultyFiles` ends the process. */
export const isCompleted = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    (error) => {
      if (!(error instanceof Fault)) throw error;
      return false;
    },
  );

/**
 * Returns files whose n-th operation fails, counted from 1. A write is done by half, any other operation not at all. With `error`, only
 * that operation fails, as on a full disk. Without it, all later ones fail too, as after the end of the process.
 */
export function faultyFiles(at: number, error?: NodeJS.ErrnoException): Files & { operations: number } {
  const state = { operations: 0, isDead: false };
  const pass = async <T>(run: () => Promise<T>, half: () => Promise<unknown> = async () => {}): Promise<T> => {
    if (state.isDead) throw new Fault("the process has ended");
    if (++state.operations !== at) return run();
    await half();
    if (error !== undefined) throw error;
    state.isDead = true;
    throw new Fault("the process has ended");
  };
  const wrap = (file: OpenFile): OpenFile => ({
    read: (buffer, offset, length, position) => pass(() => file.read(buffer, offset, length, position)),
    write: (bytes, offset, length, position) =>
      pass(
        () => file.write(bytes, offset, length, position),
        () => file.write(bytes, offset, Math.floor(length / 2), position),
      ),
    sync: () => pass(() => file.sync()),
    stat: () => pass(() => file.stat()),
    // The system closes the files that a process leaves open.
    close: () => file.close(),
  });
  return {
    get operations() {
      return state.operations;
    },
    open: (path, flags, mode) => pass(async () => wrap(await nodeFiles.open(path, flags, mode))),
    stat: (path) => pass(() => nodeFiles.stat(path)),
    lstat: (path) => pass(() => nodeFiles.lstat(path)),
    readSmall: (path, maxBytes) => pass(() => nodeFiles.readSmall(path, maxBytes)),
    list: (path) => pass(() => nodeFiles.list(path)),
    writeSmall: (path, bytes) =>
      pass(
        () => nodeFiles.writeSmall(path, bytes),
        () => nodeFiles.writeSmall(path, bytes.subarray(0, bytes.length >> 1)),
      ),
    link: (from, to) => pass(() => nodeFiles.link(from, to)),
    rename: (from, to) => pass(() => nodeFiles.rename(from, to)),
    unlink: (path) => pass(() => nodeFiles.unlink(path)),
    copyOwner: (from, path) => pass(() => nodeFiles.copyOwner(from, path)),
    syncDirectory: (path) => pass(() => nodeFiles.syncDirectory(path)),
  };
}
