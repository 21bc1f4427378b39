import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listSessions, type Session } from "@plexum/codex-sessions";
import { HEADER } from "../../../../packages/codex-sessions/src/files/session-index.ts";
import { type FuzzTarget, must } from "../fuzz-target.ts";
import { scratchFolder } from "../scratch.ts";

const ID = "01a21883-4565-7f03-8755-b37bce40084a";
const OTHER_ID = "01a21883-0000-7f03-8755-b37bce400000";
const OTHER = [
  {
    timestamp: "2026-01-02T03:04:05.000Z",
    type: "session_meta",
    payload: { id: OTHER_ID, timestamp: "2026-01-02T03:04:05.000Z", cwd: "/other", source: "cli" },
  },
  { timestamp: "2026-01-02T03:04:06.000Z", type: "event_msg", payload: { type: "user_message", message: "other" } },
]
  .map((line) => `${JSON.stringify(line)}\n`)
  .join("");

let home: string | undefined;

/** Everything that the list of sessions reads: a rollout, the prompts, the names, and its own index. */
export const sessionFiles: FuzzTarget = {
  name: "session-files",
  isSlow: true,
  async run({ bytes }) {
    home ??= scratchFolder("sessions");
    const folder = join(home, "sessions/2026/01/02");
    const cacheFolder = join(home, "cache");
    rmSync(cacheFolder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `rollout-2026-01-02T03-04-05-${ID}.jsonl`), bytes);
    writeFileSync(join(folder, `rollout-2026-01-02T03-04-05-${OTHER_ID}.jsonl`), OTHER);
    for (const name of ["history.jsonl", "session_index.jsonl"]) writeFileSync(join(home, name), bytes);
    const options = { codexHome: home, cacheFolder, limit: 50, subagents: true };
    const { sessions } = await listSessions(options);
    const { sessions: found } = await listSessions({ ...options, filter: "/other" });
    must(
      found.some(({ cwd }) => cwd === "/other"),
      "another session is found, whatever this one's files hold",
    );
    for (const session of sessions) checkSession(session);
    const again = await listSessions(options);
    must(JSON.stringify(again.sessions) === JSON.stringify(sessions), "the list is the same with the index");
    for (const name of readdirSync(cacheFolder)) {
      const key = JSON.stringify(`sessions/2026/01/02/rollout-2026-01-02T03-04-05-${ID}.jsonl`);
      writeFileSync(join(cacheFolder, name), `${HEADER}\n${key}\t${bytes.toString("latin1")}`);
    }
    await listSessions(options);
  },
};

function checkSession({ id, updatedAt, lastMessage, title, messageCount }: Session): void {
  must(/^[A-Za-z0-9._:-]{1,128}$/.test(id), "the id is safe to pass on");
  must(!Number.isNaN(Date.parse(updatedAt)), "the time is a date");
  must(Number.isSafeInteger(messageCount) && messageCount >= 0, "messages are counted");
  for (const text of [lastMessage, title])
    must(text === undefined || (typeof text === "string" && text.length <= 150), "a text is short");
}
