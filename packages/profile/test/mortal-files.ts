import { dirname, join } from "node:path";

type Files = typeof import("node:fs/promises");
type Handle = Awaited<ReturnType<Files["open"]>>;

let stepsLeft = Number.POSITIVE_INFINITY;
let die = () => {};
const handles = new Set<Handle>();

/** Runs the work and kills it at its change of that number. Returns whether the work finished before. */
export async function survives(change: number, work: () => Promise<unknown>): Promise<boolean> {
  stepsLeft = change;
  const death = new Promise<boolean>((resolve) => {
    die = () => resolve(false);
  });
  try {
    return await Promise.race([work().then(() => true), death]);
  } finally {
    stepsLeft = Number.POSITIVE_INFINITY;
    for (const handle of handles) await handle.close();
  }
}

/** Makes a change or, when the kill is due, half of it. Then it never settles: a killed process gets neither a result nor an error. */
async function step<T>(change: () => Promise<T>, half: () => Promise<unknown> = async () => {}): Promise<T> {
  if (stepsLeft-- > 0) return change();
  await half();
  die();
  return new Promise(() => {});
}

const halfOf = (content: unknown) => String(content).slice(0, String(content).length / 2);

/** Returns a file system for work that can be killed at each of its changes. Nothing is flushed to disk. */
export function mortalFiles(files: Files): Files {
  const mortal: Partial<Files> = {
    rename: (from, to) => step(() => files.rename(from, to)),
    rmdir: (path) => step(() => files.rmdir(path)),
    lchown: (path, uid, gid) => step(() => files.lchown(path, uid, gid)),
    mkdir: ((path: string, options: { recursive: true }) =>
      step(
        () => files.mkdir(path, options),
        () => files.mkdir(dirname(path), options),
      )) as Files["mkdir"],
    rm: (path, options) =>
      step(
        () => files.rm(path, options),
        async () => {
          const [first] = await files.readdir(path).catch(() => []);
          if (first !== undefined) await files.rm(join(String(path), first), options);
        },
      ),
    writeFile: (path, content, options) => {
      const { flush: _, ...rest } = Object(options);
      return step(
        () => files.writeFile(path, content, rest),
        () => files.writeFile(path, halfOf(content), rest),
      );
    },
    open: async (path, flags, mode) => {
      const handle = await (flags === "r" ? files.open(path) : step(() => files.open(path, flags, mode)));
      const [write, chmod, chown, close] = [handle.writeFile, handle.chmod, handle.chown, handle.close];
      handles.add(handle);
      return Object.assign(handle, {
        sync: async () => {},
        chmod: (mode: number) => step(() => chmod.call(handle, mode)),
        chown: (uid: number, gid: number) => step(() => chown.call(handle, uid, gid)),
        writeFile: (content: string) =>
          step(
            () => write.call(handle, content),
            () => write.call(handle, halfOf(content)),
          ),
        close: () => {
          handles.delete(handle);
          return close.call(handle);
        },
      });
    },
  };
  return { ...files, ...mortal };
}
