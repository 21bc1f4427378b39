import { listSessions, type Session } from "@plexum/codex-sessions";
import type { LocalOptions } from "./local-options.ts";
import type { ListParams } from "./params.ts";
import type { SessionListing, SessionSummary } from "./session-summary.ts";

export async function listLocally(
  { codexHome, cacheFolder }: LocalOptions,
  params: ListParams,
  signal: AbortSignal | undefined,
): Promise<SessionListing> {
  const { sessions, warnings } = await listSessions({ codexHome, cacheFolder, ...params, signal });
  return { sessions: sessions.map(summary), warnings, codexHome };
}

const summary = ({ id, file, ...rest }: Session): SessionSummary => ({ sessionId: id, sessionFile: file, ...rest });
