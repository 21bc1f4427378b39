import { execFileSync } from "node:child_process";

/**
 * Mounts an empty file system of 128 MiB in memory, so that a disk can be full. Returns false if that is not possible: it
 * requires root on Linux.
 */
export function mountSmallDisk(folder: string): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    run("mount", "-t", "tmpfs", "-o", "size=128m,mode=0700", "plexum-faults", folder);
    return true;
  } catch {
    return false;
  }
}

/** Makes a file read-only, for root too, until it is unmounted. */
export function mountReadOnly(file: string): void {
  // In one command: a remount looks for the mount in a table that other lanes change at the same time.
  run("mount", "--options", "bind,ro", file, file);
}

/** Unmounts a path, even if a file in it is still open. */
export function unmount(path: string): void {
  run("umount", "--lazy", path);
}

const run = (command: string, ...args: string[]) => execFileSync(command, args, { stdio: "ignore" });
