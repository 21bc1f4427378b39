import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { probeCodex } from "@plexum/codex-exec";
import type { LocalOptions } from "./local-options.ts";

const TIME_LIMIT_MS = 30_000;

/** Takes a session out of codex's archive, for good. False if codex doesn't do it. */
export async function unarchive(
  { binary, env }: LocalOptions,
  threadId: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { path } = await probeCodex({ ...(binary === undefined ? {} : { binary }), env });
  // Without a shell, which Windows would need to start npm's `.cmd`: there this fails, and codex's own advice stands.
  return promisify(execFile)(path, ["unarchive", threadId], { env, signal, timeout: TIME_LIMIT_MS }).then(
    () => true,
    () => false,
  );
}
