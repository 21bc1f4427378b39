import { type Host, type Manifest, type Plugin, serve } from "@plexum/plugin-sdk";
import { loadConfig } from "./config.ts";
import { manifestFor } from "./manifest.ts";
import type { Provider } from "./provider.ts";

/** Serves the plugin on stdin and stdout until the host closes them. */
export async function servePlugin(): Promise<void> {
  await serve(new CodexPlugin());
}

class CodexPlugin implements Plugin {
  #provider: Promise<Provider> | undefined;

  async initialize(host: Host): Promise<Manifest> {
    const { config, path, warnings } = await loadConfig(process.env);
    for (const warning of warnings) host.log("warning", warning);
    host.log("info", "initialized", {
      binary: config.binary,
      extra_args: config.extraArgs,
      models: config.supportedModels,
      config: path,
    });
    // Load the code that runs turns after the handshake: the host waits for the handshake, and many plugins never get a turn.
    this.#provider = new Promise((resolve) => setImmediate(resolve))
      .then(() => import("./provider.ts"))
      .then(({ Provider }) => new Provider(host, config, process.env));
    return manifestFor(config);
  }

  async stream(...args: Parameters<Provider["stream"]>): Promise<void> {
    return (await this.#loaded()).stream(...args);
  }

  async mutate(...args: Parameters<Provider["mutate"]>): ReturnType<Provider["mutate"]> {
    return (await this.#loaded()).mutate(...args);
  }

  async callTool(...args: Parameters<Provider["callTool"]>): ReturnType<Provider["callTool"]> {
    return (await this.#loaded()).callTool(...args);
  }

  async close(): Promise<void> {
    await (await this.#provider)?.[Symbol.asyncDispose]();
  }

  #loaded(): Promise<Provider> {
    if (this.#provider === undefined) throw new Error("the host sent a request before the handshake");
    return this.#provider;
  }
}
