import type { Socket } from "node:net";
import { MAX_TIMER_MS } from "../server/max-timer.ts";

const MAX_LINE_BYTES = 64 * 1024;

/**
 * Reads the first line from a socket, and leaves the socket paused with everything after the line unread. Resolves with
 * undefined if the socket closes, or the line is incomplete after `timeoutMs` or 64 KiB.
 */
export function firstLine(socket: Socket, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received: Buffer | undefined;
    const finish = (line?: string) => {
      clearTimeout(timer);
      clearImmediate(late);
      socket.off("data", onData);
      socket.off("close", onGone);
      socket.off("end", onGone);
      socket.pause();
      resolve(line);
    };
    const onGone = () => finish();
    const onData = (chunk: Buffer) => {
      received = received ? Buffer.concat([received, chunk]) : chunk;
      const newline = received.indexOf("\n");
      if (newline === -1) {
        if (received.length > MAX_LINE_BYTES) finish();
        return;
      }
      finish(received.toString("utf8", 0, newline));
      const rest = received.subarray(newline + 1);
      if (rest.length > 0) socket.unshift(rest);
    };
    let late: NodeJS.Immediate | undefined;
    // In a process that was busy, timers run first, and only then the data that arrived in time.
    const onLate = () => {
      late = setImmediate(onGone);
    };
    const timer = setTimeout(onLate, Math.min(timeoutMs, MAX_TIMER_MS));
    socket.on("data", onData);
    socket.on("close", onGone);
    socket.on("end", onGone);
  });
}
