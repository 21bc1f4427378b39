/** A two-way stream of JSON-RPC messages to one client. */
export interface McpConnection {
  /** Whether messages that belong to none of the client's requests can reach it. */
  readonly canPush: boolean;
  /** Emits each message until the connection closes. Call it once. */
  read(on: {
    value(value: unknown): void;
    /** Called when something other than a message is received. */
    fault(message: string): void;
    closed(): void;
  }): void;
  /** Sends one message. Resolves when the kernel has the bytes, or the connection is gone. */
  write(json: string, about: MessageSubject): Promise<void>;
  close(): void;
}

/** What a message to the client belongs to. */
export interface MessageSubject {
  /** The request that it answers or reports on; undefined for a message that belongs to none. */
  readonly requestId?: string | number;
  /** True for the request's result or error, which is its last message. */
  readonly isAnswer: boolean;
}
