import type { ProviderEvent } from "@plexum/plugin-sdk";

/** How a stream ended for the host. */
type StreamEnd =
  /** The plugin answered the request. */
  | "answered"
  /** The plugin refused the request: there may be no event. */
  | "refused"
  /** The plugin was gone before it could answer. */
  | "plugin-gone";

/** Everything received for one stream, unchanged. */
export interface StreamRecord {
  readonly streamId: string;
  readonly events: { readonly seq: number; readonly event: ProviderEvent }[];
  end: StreamEnd | undefined;
}

/** Everything that the host received, by stream. */
export class HostRecord {
  readonly streams = new Map<string, StreamRecord>();
  /** Lines that are not messages. */
  readonly brokenLines: string[] = [];

  stream(streamId: string): StreamRecord {
    const known = this.streams.get(streamId);
    if (known !== undefined) return known;
    const made: StreamRecord = { streamId, events: [], end: undefined };
    this.streams.set(streamId, made);
    return made;
  }

  /** Adds one whole line of the plugin's output. */
  takeLine(line: string): void {
    let message: { method?: unknown; params?: { stream_id: string; seq: number; event: ProviderEvent } };
    try {
      message = JSON.parse(line);
    } catch {
      this.brokenLines.push(line.slice(0, 200));
      return;
    }
    if (message.method !== "notifications/plexum/provider/event" || message.params === undefined) return;
    const { stream_id, seq, event } = message.params;
    this.stream(stream_id).events.push({ seq, event });
  }
}
