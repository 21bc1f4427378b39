import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { loadConfig } from "../../../../apps/plugin/src/config.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchPath } from "../scratch.ts";

let path: string | undefined;

/** The plugin's config file: it is read, or rejected with an error that names it. */
export const pluginConfig: FuzzTarget = {
  name: "plugin-config",
  async run({ bytes }) {
    path ??= scratchPath("config", "plugins", "plexum-openai-provider", "config.json");
    writeFileSync(path, bytes);
    const env = { PLEXUM_PROFILE_ROOT: join(dirname(path), "..", "..") };
    try {
      const { config, warnings } = await loadConfig(env);
      must(config.supportedModels.length > 0, "there is a model");
      must(typeof config.binary === "string" && config.binary !== "", "there is a codex");
      const keys = Object.keys(JSON.parse(bytes.toString("utf8").replace(/^\uFEFF/, "")) as object);
      const unknown = keys.filter((key) => !KEYS.has(key)).slice(0, 50);
      for (const key of unknown)
        must(
          warnings.some((text) => text.includes(key)),
          `an unknown key is named: ${key}`,
        );
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      if (code !== "config_invalid") throw error;
      must(message.includes(path), "the error names the file");
      must(!message.includes("undefined"), "the error says what was expected");
    }
  },
};

const KEYS = new Set([
  "binary",
  "extra_args",
  "supported_models",
  "model_args",
  "transport",
  "keep_alive_ms",
  "max_kept",
  "sandbox",
  "timeout_ms",
  "stall_ms",
  "mcp_registration",
  "code_mode_tools",
  "session_tools",
  "session_resume",
]);
