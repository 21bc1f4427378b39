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
  /** The stream of the host's messages. @default process.stdin */
  readonly input?: Readable | undefined;
  /** The stream for messages to the host. By default stdout, which is then reserved for them. @default process.stdout */
  readonly output?: Writable | undefined;
  /** Aborting it has the effect of SIGTERM. */
  readonly signal?: AbortSignal | undefined;
  /** The longest line accepted from the host, in bytes. @default 67_108_864 */
  readonly maxMessageBytes?: number | undefined;
  /** How long handlers may take to end after their signals abort, in milliseconds. @default 10_000 */
  readonly shutdownTimeoutMs?: number | undefined;
}

/**
 * Runs a plugin until its host is gone: end of input, SIGTERM, or SIGINT. Then cancels running streams, waits
 * for them, and finally calls `plugin.close()`. Call `serve` before anything writes to stdout.
 *
 * @throws PluginSdkError `shutdown_timeout` if handlers run for longer than `shutdownTimeoutMs`; RangeError if that is not
 * a valid time limit.
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

  const { promise: stopRequested, resolve: requestStop } = Promise.withResolvers<void>();
  const onSignal = () => requestStop();
  for (const name of SIGNALS) process.on(name, onSignal);
  options.signal?.addEventListener("abort", onSignal, { once: true });
  if (options.signal?.aborted) requestStop();
  try {
    await Promise.race([stopRequested, peer.ended]);
    session.close();
    await within(shutdownTimeoutMs, async () => {
      await peer.settle(SHUTDOWN);
      await plugin.close?.();
      await peer.settle(SHUTDOWN);
    });
  } finally {
    // Only now: a second signal must not cut short the shutdown that the first one started.
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
        `the plugin did not end within ${timeoutMs} ms: a handler is still running after its signal aborted, or the host does not read`,
      ),
    );
  }, timeoutMs);
  try {
    await Promise.race([work(), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
