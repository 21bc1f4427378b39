import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { locateCodex } from "@plexum/codex-turn";
import type { LocalOptions } from "./local-options.ts";

const TIME_LIMIT_MS = 30_000;

/** Removes a session from codex's archive permanently. Returns false if codex fails to. */
export async function unarchive(
  { binary = "codex", env }: LocalOptions,
  threadId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { command, prefix } = await locateCodex(binary, env);
  return promisify(execFile)(command, [...prefix, "unarchive", threadId], { env, signal, timeout: TIME_LIMIT_MS }).then(
    () => true,
    () => false,
  );
}
