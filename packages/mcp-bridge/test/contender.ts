/* Tries to listen at each path that it reads from stdin, and reports the outcome. Stops listening at the next line. */
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { listenPrivately } from "../src/socket/listen-privately.ts";

let release: (() => Promise<void>) | undefined;
for await (const path of createInterface(process.stdin)) {
  await release?.();
  release = undefined;
  let outcome = "idle";
  if (path !== "") {
    const server = createServer((socket) => socket.on("error", () => {}).end("hello"));
    try {
      const removeSocket = await listenPrivately(server, path);
      release = async () => {
        await removeSocket();
        server.close();
      };
      outcome = "listening";
    } catch (error) {
      outcome = String((error as { code?: unknown }).code ?? error);
    }
  }
  process.stdout.write(`${outcome}\n`);
}
await release?.();
