import type { Manifest } from "@plexum/plugin-sdk";
import type { Config } from "./config.ts";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "./name.ts";
import { sessionTools } from "./sessions/session-tools.ts";

export function manifestFor(config: Config): Manifest {
  const tools = sessionTools(config);
  return {
    name: PLUGIN_NAME,
    version: VERSION,
    activation: "lazy",
    executable: EXECUTABLE_NAME,
    contracts: { provider: { models: [...config.supportedModels] }, ...(tools.length > 0 ? { tools } : {}) },
  };
}
