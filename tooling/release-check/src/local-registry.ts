import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runServer } from "verdaccio";

/** A registry on loopback that has only what is published to it. It asks no other registry. */
export interface LocalRegistry extends AsyncDisposable {
  /** Ends in a slash. */
  readonly url: string;
  /**
   * An environment in which npm and pnpm use this registry and no configuration of this machine or its user:
   * a separate home, with the credential to publish in its .npmrc, and empty caches.
   */
  readonly env: NodeJS.ProcessEnv;
  /** `PUT`s a JSON document with the credential, as npm does to publish. */
  put(path: string, document: unknown): Promise<void>;
}

const USER = { name: "publisher", password: "for this test only" };

/** @param folder An existing, empty folder for its files. */
export async function startRegistry(folder: string): Promise<LocalRegistry> {
  const server: Server = await runServer({
    configPath: join(folder, "verdaccio.yaml"),
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd"), max_users: 1 } },
    // With the other kind of token, verdaccio checks the password's hash on each request, which takes 0.1 s.
    security: { api: { jwt: { sign: { expiresIn: "1h" } } } },
    uplinks: {},
    packages: { "**": { access: "$all", publish: "$authenticated" } },
    max_body_size: "64mb",
    web: { enable: false },
    log: { type: "stdout", level: "fatal" },
  } as unknown as Parameters<typeof runServer>[0]);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  const { token } = (await send(`${url}-/user/org.couchdb.user:${USER.name}`, USER)) as { token: string };
  const home = join(folder, "a home");
  await mkdir(home);
  await writeFile(join(home, ".npmrc"), `registry=${url}\n${url.slice("http:".length)}:_authToken=${token}\n`);
  const { PATH, TMPDIR, SystemRoot, ComSpec, PATHEXT, TEMP } = process.env;
  return {
    url,
    env: { PATH, TMPDIR, SystemRoot, ComSpec, PATHEXT, TEMP, HOME: home, USERPROFILE: home, CI: "1", NO_COLOR: "1" },
    put: async (path, document) => {
      await send(url + path, document, token);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function send(url: string, document: unknown, token?: string): Promise<unknown> {
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  const response = await fetch(url, { method: "PUT", headers, body: JSON.stringify(document) });
  const text = await response.text();
  if (!response.ok) throw new Error(`PUT ${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}
