import type { Readable, Writable } from "node:stream";
import { Peer } from "@plexum/json-rpc";
import { PluginSdkError } from "./errors.ts";
import type { Plugin } from "./plugin.ts";
import { PluginSession } from "./plugin-session.ts";
import { guardStdout } from "./stdout-guard.ts";
import { timeLimit } from "./time-limit.ts";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;
const SHUTDOWN = "the plugin is shutting down";

export interface ServeOptions {
  /** The stream of the host's messages. Default: stdin. */
  readonly input?: Readable | undefined;
  /** The stream for messages to the host. Default: stdout, which is then reserved for them. */
  readonly output?: Writable | undefined;
  /** Aborting it has the effect of SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** The longest line accepted from the host, in bytes. Default 64 MiB. */
  readonly maxMessageBytes?: number | undefined;
  /** How long handlers may take to end after their signals abort, in milliseconds. Default 10 000. */
  readonly shutdownTimeoutMs?: number | undefined;
}

/**
 * Runs a plugin until its host is gone: end of input, SIGTERM, or SIGINT. Then cancels running streams, waits
 * for them, and calls `plugin.close()` last. Call `serve` before anything writes to stdout.
 *
 * @throws PluginSdkError `shutdown_timeout` if handlers run for longer than `shutdownTimeoutMs`; RangeError if that is not
 * a valid time.
 */
export async function serve(plugin: Plugin, options: ServeOptions = {}): Promise<void> {
  const shutdownTimeoutMs = timeLimit("shutdownTimeoutMs", options.shutdownTimeoutMs ?? 10_000);
  const { input = process.stdin, output = guardStdout(), maxMessageBytes } = options;
  const session: PluginSession = new PluginSession(plugin, () => peer);
  const peer: Peer = new Peer({
    input,
    output,
    maxMessageBytes,
    onRequest: (method, params, context) => session.handle(method, params, context),
  });

  const { promise: toldToEnd, resolve: tellToEnd } = Promise.withResolvers<void>();
  const onSignal = () => tellToEnd();
  for (const name of SIGNALS) process.on(name, onSignal);
  options.signal?.addEventListener("abort", onSignal, { once: true });
  if (options.signal?.aborted) tellToEnd();
  try {
    await Promise.race([toldToEnd, peer.ended]);
    session.close();
    await within(shutdownTimeoutMs, async () => {
      await peer.settle(SHUTDOWN);
      await plugin.close?.();
      await peer.settle(SHUTDOWN);
    });
  } finally {
    // Not earlier: a second signal must not cut short the shutdown that the first one began.
    for (const name of SIGNALS) process.off(name, onSignal);
    options.signal?.removeEventListener("abort", onSignal);
    output.end();
    // An input that is still open would keep the process alive.
    input.destroy();
  }
}

async function within(timeoutMs: number, work: () => Promise<void>): Promise<void> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new PluginSdkError(
        "shutdown_timeout",
        `the plugin did not end within ${timeoutMs} ms: a handler goes on after its signal aborted, or the host does not read`,
      ),
    );
  }, timeoutMs);
  try {
    await Promise.race([work(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
