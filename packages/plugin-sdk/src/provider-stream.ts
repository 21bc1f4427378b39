import { codeOf, messageOf } from "@plexum/coded-error";
import { RPC_CODES, RpcError } from "@plexum/json-rpc";
import { PluginSdkError } from "./errors.ts";
import type { Plugin } from "./plugin.ts";
import type { ProviderEvent, StreamRequest, Usage } from "./wire.ts";

/** Where a stream's events go, and failures that no event can report. */
export interface StreamSink {
  send(seq: number, event: ProviderEvent): Promise<void>;
  /** The handler failed after `message_end`. The outcome of the turn is already sent, so nothing changes for the host. */
  failedLate(error: unknown): void;
}

const NO_USAGE: Usage = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, thinking_tokens: 0 };

/**
 * Runs one stream and keeps its contract, whatever the plugin does: `message_start` first and `message_end` last, each
 * once, and an `error` event for every failure in between.
 *
 * @throws RpcError if it failed before its first event.
 */
export async function runStream(
  stream: NonNullable<Plugin["stream"]>,
  request: StreamRequest,
  signal: AbortSignal,
  sink: StreamSink,
): Promise<void> {
  const events = new EventOrder(sink);
  try {
    await stream(request, { signal, emit: (event) => events.emit(event) });
    if (!events.hasStarted) events.emit({ type: "message_start" });
    if (!events.hasEnded) events.emit(messageEnd(signal.aborted ? "cancelled" : "end_turn"));
  } catch (error) {
    if (!events.hasStarted) throw startFailure(error);
    if (events.hasEnded) {
      sink.failedLate(error);
    } else if (signal.aborted && isAbort(error, signal)) {
      events.emit(messageEnd("cancelled"));
    } else {
      events.emit({ type: "error", error: { code: codeOf(error) ?? "internal", message: messageOf(error) } });
      events.emit(messageEnd("error"));
    }
  } finally {
    events.close();
  }
}

class EventOrder {
  hasStarted = false;
  hasEnded = false;
  readonly #sink: StreamSink;
  #nextSeq = 0;
  #isClosed = false;

  constructor(sink: StreamSink) {
    this.#sink = sink;
  }

  emit(event: ProviderEvent): Promise<void> {
    if (this.#isClosed) throw outOfOrder(event, "after the stream's handler had ended");
    if (this.hasEnded) throw outOfOrder(event, "after message_end");
    if (!this.hasStarted && event.type !== "message_start") throw outOfOrder(event, "before message_start");
    if (this.hasStarted && event.type === "message_start") throw outOfOrder(event, "a second time");
    // Send first, since that may throw, then count: an event that can't be sent leaves no gap.
    const room = this.#sink.send(this.#nextSeq, event);
    this.#nextSeq += 1;
    this.hasStarted = true;
    this.hasEnded = event.type === "message_end";
    return room;
  }

  close(): void {
    this.#isClosed = true;
  }
}

function outOfOrder(event: ProviderEvent, when: string): PluginSdkError {
  return new PluginSdkError("stream_contract", `${event.type} was emitted ${when}; nothing was sent`);
}

function messageEnd(stop_reason: "end_turn" | "cancelled" | "error"): ProviderEvent {
  return { type: "message_end", stop_reason, usage: NO_USAGE };
}

function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

function startFailure(error: unknown): RpcError {
  if (RpcError.isInstance(error)) return error;
  return new RpcError(RPC_CODES.requestFailed, messageOf(error), { data: { code: codeOf(error) }, cause: error });
}
