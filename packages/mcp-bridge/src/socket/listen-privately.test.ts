import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lstat, mkdir, readdir, readFile, rename, symlink, utimes, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@plexum/test-support";
import { describe, expect, onTestFinished, test } from "vitest";
import { claimPrefix, listenPrivately } from "./listen-privately.ts";
import { bridgeSocketPath } from "./socket-path.ts";

const isRoot = process.getuid?.() === 0;

async function listen(path: string): Promise<AsyncDisposable & { server: Server; removeSocket: () => Promise<void> }> {
  const server = createServer((socket) => socket.on("error", () => {}).end("hello"));
  const removeSocket = await listenPrivately(server, path);
  return {
    server,
    removeSocket,
    async [Symbol.asyncDispose]() {
      await removeSocket();
      server.close();
    },
  };
}

/** What another process reads from a socket, or the code of the error it gets. */
async function visit(path: string, uid?: number): Promise<string> {
  const script = `require("node:net").connect(process.argv[1]).on("error", (e) => console.log(e.code)).pipe(process.stdout)`;
  const child = spawn(process.execPath, ["-e", script, path], { uid, stdio: ["ignore", "pipe", "inherit"] });
  return (await text(child.stdout)).trim();
}

/** Leaves a socket file that nobody listens on, as a killed process does. */
async function leaveStaleSocket(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const server = createServer().listen(`${path}.old`);
  await once(server, "listening");
  await rename(`${path}.old`, path);
  server.close();
}

/** Another process that tries to listen at each path it is sent, and answers with the outcome. */
function contender() {
  const script = fileURLToPath(new URL("../../test/contender.ts", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    async tell(words: string): Promise<string | undefined> {
      child.stdin.write(`${words}\n`);
      return (await lines.next()).value;
    },
  };
}

describe("the socket", () => {
  test("is only for its user, and is removed when closed", async () => {
    await using folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    const path = join(folder.path, "sockets", "a.sock");
    {
      await using _ = await listen(path);
      expect((await lstat(dirname(path))).mode & 0o777).toBe(0o700);
      expect((await lstat(path)).mode & 0o777).toBe(0o600);
      expect(await visit(path)).toBe("hello");
      expect(await readdir(dirname(path))).toEqual(["a.sock"]);
      // Only root can become someone else to try.
      if (isRoot) expect(await visit(path, 65534)).toBe("EACCES");
    }
    expect(await readdir(dirname(path))).toEqual([]);
  });

  test("stays closed to other users where the directory was opened later", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await using _ = await listen(path);
    await chmod(folder.path, 0o755);
    if (isRoot) expect(await visit(path, 65534)).toBe("EACCES");
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
  });

  test("replaces a stale one", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await leaveStaleSocket(path);
    expect(await visit(path)).toBe("ECONNREFUSED");
    await using _ = await listen(path);
    expect(await visit(path)).toBe("hello");
    expect(await readdir(folder.path)).toEqual(["a.sock"]);
  });

  test("leaves a live one alone", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await using _ = await listen(path);
    await expect(listen(path)).rejects.toMatchObject({ code: "socket_in_use" });
    expect(await visit(path)).toBe("hello");
    expect(await readdir(folder.path)).toEqual(["a.sock"]);
  });

  test.each([1, 2, 3, 4, 5])("of many that start at once, one wins and can be reached (%i)", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    await leaveStaleSocket(path);
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => listen(path)));
    const winners = results.filter((result) => result.status === "fulfilled");
    expect(winners.length).toBe(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "socket_in_use" });
    }
    expect(await visit(path)).toBe("hello");
    for (const winner of winners) await winner.value[Symbol.asyncDispose]();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("of several processes one wins, each time, whatever killed processes left", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const left = join(folder.path, `${claimPrefix(path)}000000`);
    await leaveStaleSocket(left);
    const contenders = Array.from({ length: 4 }, contender);
    const tell = (words: string) => Promise.all(contenders.map((contender) => contender.tell(words)));
    for (let round = 0; round < 50; round++) {
      await leaveStaleSocket(path);
      const outcomes = await tell(path);
      expect(outcomes.sort()).toEqual(["listening", ...Array(3).fill("socket_in_use")]);
      expect(await text(connect(path))).toBe("hello");
      await tell("");
    }
    expect(await readdir(folder.path)).toEqual([basename(left)]);
  });

  test("goes to one that was first to claim it, however long that takes", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const claim = join(folder.path, `${claimPrefix(path)}ffffff`);
    // Like that of a bridge that was stopped between checking the path and the move.
    const stopped = createServer((socket) => socket.destroy()).listen(claim);
    await once(stopped, "listening");
    await utimes(claim, 0, 0);
    let isOver = false;
    const second = listen(path).finally(() => {
      isOver = true;
    });
    await delay(300);
    expect(isOver).toBe(false);
    await rename(claim, path);
    await expect(second).rejects.toMatchObject({ code: "socket_in_use" });
    stopped.close();
  });

  test("is not removed once it belongs to another bridge", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const first = await listen(path);
    await rename(path, `${path}.moved`);
    await using _ = await listen(path);
    await first[Symbol.asyncDispose]();
    expect(await visit(path)).toBe("hello");
  });
});

describe("anything in the way stays, and is named:", () => {
  test.each(["file", "symbolic link", "directory"])("a %s", async (kind) => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "a.sock");
    const target = join(folder.path, "precious");
    await writeFile(target, "precious");
    if (kind === "file") await writeFile(path, "precious");
    if (kind === "symbolic link") await symlink(target, path);
    if (kind === "directory") await mkdir(path);
    await expect(listen(path)).rejects.toMatchObject({
      code: "socket_path_taken",
      message: expect.stringContaining(`A ${kind} is at ${path}`),
    });
    expect((await readdir(folder.path)).sort()).toEqual(["a.sock", "precious"]);
    expect(await readFile(target, "utf8")).toBe("precious");
  });

  test("a directory that is open to others", async () => {
    await using folder = await temporaryFolder();
    await chmod(folder.path, 0o750);
    await expect(listen(join(folder.path, "a.sock"))).rejects.toMatchObject({
      code: "socket_directory_unsafe",
      message: expect.stringContaining("chmod 700"),
    });
    expect((await lstat(folder.path)).mode & 0o777).toBe(0o750);
  });

  test("a symbolic link or a file for a directory", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "real"), { mode: 0o700 });
    await symlink("real", join(folder.path, "link"));
    await writeFile(join(folder.path, "file"), "");
    for (const directory of ["link", "file"]) {
      await expect(listen(join(folder.path, directory, "a.sock"))).rejects.toMatchObject({
        code: "socket_directory_unsafe",
      });
    }
  });

  test("a directory or a socket of another user", async () => {
    // Only root can give a file away; anyone else finds root's at /.
    await using folder = await temporaryFolder();
    const directory = isRoot ? join(folder.path, "theirs") : "/";
    if (isRoot) {
      await mkdir(directory, { mode: 0o700 });
      await chown(directory, 65534, 65534);
      const path = join(folder.path, "a.sock");
      await leaveStaleSocket(path);
      await chown(path, 65534, 65534);
      await expect(listen(path)).rejects.toMatchObject({ code: "socket_path_taken" });
      expect((await lstat(path)).uid).toBe(65534);
    }
    await expect(listen(join(directory, "a.sock"))).rejects.toMatchObject({ code: "socket_directory_unsafe" });
  });

  test("a path that no socket address holds", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "x".repeat(120));
    await expect(listen(path)).rejects.toMatchObject({ code: "socket_path_too_long" });
    await expect(listen("")).rejects.toMatchObject({ code: "invalid_value" });
  });
});

describe("an agent's own path", () => {
  const ids = ["", "a", "x".repeat(300), "a/b", "a_b", "a-b", "🦊", "../../..", `"\n`];

  test("is stable, its own, and short enough in any temp folder", () => {
    const before = { TMPDIR: process.env.TMPDIR, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR };
    try {
      for (const folder of ["/run/user/1000", `/${"deep/".repeat(30)}`]) {
        process.env.TMPDIR = folder;
        process.env.XDG_RUNTIME_DIR = folder;
        const paths = ids.map(bridgeSocketPath);
        expect(paths).toEqual(ids.map(bridgeSocketPath));
        expect(new Set(paths).size).toBe(ids.length);
        expect(new Set(paths.map(dirname)).size).toBe(1);
        for (const path of paths) expect(Buffer.byteLength(path)).toBeLessThanOrEqual(103);
      }
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  test("can be listened on, whatever the id", async () => {
    for (const id of ids) {
      await using listening = await listen(bridgeSocketPath(`test ${process.pid} ${id}`));
      expect(listening.server.listening).toBe(true);
    }
  });
});
