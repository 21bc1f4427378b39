import { type FoundSession, findSession } from "@plexum/codex-sessions";
import { codexHomeOf } from "@plexum/session-store";
import { plain } from "../plain.ts";
import { SessionsError } from "./sessions-error.ts";

export interface KnownSession extends FoundSession {
  readonly file: string;
  readonly codexHome: string;
}

/** Returns the session after a change: codex's compressed file of it has been replaced by a plain one. */
export const unpacked = (session: KnownSession): KnownSession => ({
  ...session,
  file: session.file.replace(/\.zst$/, ""),
});

/** Finds the session that the user named. @throws SessionsError, SessionStoreError */
export async function knownSession(positionals: readonly string[], env: NodeJS.ProcessEnv): Promise<KnownSession> {
  const [id, ...rest] = positionals;
  if (!id) throw new SessionsError("the id of a session is missing", true);
  if (rest.length > 0) throw new SessionsError(`unknown arguments: ${plain(rest.join(" "))}`, true);
  const codexHome = codexHomeOf(env);
  const session = await findSession(id, { codexHome });
  if (session?.file !== undefined) return { ...session, file: session.file, codexHome };
  const what = session === undefined ? "there is no session" : "only the messages are left of the session";
  throw new SessionsError(`${what} ${plain(session?.id ?? id)} in ${codexHome}`);
}
