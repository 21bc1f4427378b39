import type { Manifest } from "@plexum/plugin-sdk";
import type { Config } from "./config.ts";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "./name.ts";

export function manifestFor(config: Config): Manifest {
  return {
    name: PLUGIN_NAME,
    version: VERSION,
    activation: "lazy",
    executable: EXECUTABLE_NAME,
    contracts: { provider: { models: [...config.supportedModels] } },
  };
}
