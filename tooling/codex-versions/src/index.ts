import { installedCodex } from "@plexum/real-codex";

export { oldestCodex, since, testedCodexes } from "./tested-codexes.ts";

/** Older than what is supported: to see it refused. */
export const unsupportedCodex = installedCodex("codex-0.100", import.meta.url);

/** Before 0.148, which brought paginated rollouts, and after. */
export const codex147 = installedCodex("codex-0.147", import.meta.url);
export const codex150 = installedCodex("codex-0.150", import.meta.url);
