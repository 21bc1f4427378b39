import { installedCodex } from "./native-binary.ts";

export { CodexHome, type CreateHomeOptions } from "./codex-home.ts";
export { type CodexInstall, installedCodex } from "./native-binary.ts";

/** The newest codex that this repository is tested with. */
export const newestCodex = installedCodex("@openai/codex", import.meta.url);
