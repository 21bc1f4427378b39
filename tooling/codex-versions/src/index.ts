import { installedCodex } from "@plexum/real-codex";

export { oldestCodex, since, testedCodexes } from "./tested-codexes.ts";

/** Older than the oldest supported version, for the test that it is refused. */
export const unsupportedCodex = installedCodex("codex-0.100", import.meta.url);

/** Before and after 0.148, which introduced paginated rollouts. */
export const codex147 = installedCodex("codex-0.147", import.meta.url);
export const codex150 = installedCodex("codex-0.150", import.meta.url);
