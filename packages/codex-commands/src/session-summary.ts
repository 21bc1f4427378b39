/** A session as it travels between a node and its host. */
export interface SessionSummary {
  readonly sessionId: string;
  /** ISO 8601. */
  readonly updatedAt?: string | undefined;
  /** As the user has named it. */
  readonly title?: string | undefined;
  /** The start of what the user said last. */
  readonly lastMessage?: string | undefined;
  readonly cwd?: string | undefined;
  readonly sessionFile?: string | undefined;
  readonly messageCount: number;
  readonly archived: boolean;
  readonly compressed: boolean;
  /** The node read the session's file only in part: last message and count may be older ones. */
  readonly partialScan?: true | undefined;
  /** Of a thread that codex began itself: the thread it works for, if codex says which. */
  readonly parentId?: string | undefined;
  /** Of a thread that codex began itself: its role, such as `subagent` or `review`. */
  readonly role?: string | undefined;
}

/** What the list command answers. */
export interface SessionListing {
  readonly sessions: readonly SessionSummary[];
  /** What could not be read, one sentence each. */
  readonly warnings: readonly string[];
  readonly codexHome?: string | undefined;
  /** The node did not search everything: sessions that match the filter may be missing. A warning says how much it read. */
  readonly searchTruncated?: true | undefined;
}

/** What the resume command answers. */
export interface ResumedSession {
  readonly ok: true;
  readonly sessionId: string;
  /** Codex's last message. */
  readonly text: string;
}
