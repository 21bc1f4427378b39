/** A session as sent between a node and its host. */
export interface SessionSummary {
  readonly sessionId: string;
  /** ISO 8601. */
  readonly updatedAt?: string | undefined;
  /** The name that the user gave it. */
  readonly title?: string | undefined;
  /** The start of the user's last message. */
  readonly lastMessage?: string | undefined;
  readonly cwd?: string | undefined;
  readonly sessionFile?: string | undefined;
  readonly messageCount: number;
  readonly archived: boolean;
  readonly compressed: boolean;
  /** The node read the session's file only in part: last message and count may be outdated. */
  readonly partialScan?: true | undefined;
  /** For a thread that codex itself started: the thread that it works for, if codex records it. */
  readonly parentId?: string | undefined;
  /** For a thread that codex itself started: its role, such as `subagent` or `review`. */
  readonly role?: string | undefined;
}

/** The answer of the list command. */
export interface SessionListing {
  readonly sessions: readonly SessionSummary[];
  /** One sentence for each thing that could not be read. */
  readonly warnings: readonly string[];
  readonly codexHome?: string | undefined;
  /** The node did not search everything: sessions that match the filter may be missing. A warning says how much it read. */
  readonly searchTruncated?: true | undefined;
}

/** The answer of the resume command. */
export interface ResumedSession {
  readonly ok: true;
  readonly sessionId: string;
  /** Codex's last message. */
  readonly text: string;
}
