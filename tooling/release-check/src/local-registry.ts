import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { runServer } from "verdaccio";

/** A registry on loopback that knows only what is published to it: it asks no other one. */
export interface LocalRegistry extends AsyncDisposable {
  /** Ends in a slash. */
  readonly url: string;
  /**
   * The environment of somebody whose npm and pnpm use this registry and nothing else that this machine or its user
   * has set up: a home of their own, with the credential to publish in its .npmrc, and empty caches.
   */
  readonly env: NodeJS.ProcessEnv;
  /** `PUT`s a JSON document, as npm publishes; with the credential. */
  put(path: string, document: unknown): Promise<void>;
}

const USER = { name: "publisher", password: "for this test only" };

/** @param folder Where it keeps its files; an existing, empty one. */
export async function startRegistry(folder: string): Promise<LocalRegistry> {
  const server: Server = await runServer({
    configPath: join(folder, "verdaccio.yaml"),
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd"), max_users: 1 } },
    // The other kind of token has verdaccio check the password's hash with each request, 0.1 s each time.
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
