import { messageOf } from "@plexum/coded-error";
import { z } from "zod";
import { knownContent } from "../content/known-content.ts";
import { limitDepth } from "../content/limit-depth.ts";
import { McpBridgeError } from "../errors.ts";
import { MAX_TIMER_MS } from "./max-timer.ts";
import { type CallTool, errorResult, type ToolCall, type ToolResult } from "./tool-call.ts";

export interface CallLimits {
  /** How long a call may go without an answer or a progress report, in milliseconds. @default 300_000 */
  readonly callTimeoutMs?: number;
  /** How long a call may take, no matter what it reports, in milliseconds. @default 3_600_000 */
  readonly maxCallMs?: number;
  /** The most calls that run at the host at once; further ones wait. @default 32 */
  readonly maxConcurrentCalls?: number;
}

export const DEFAULT_MAX_CALL_MS = 60 * 60_000;

/**
 * Returns a time limit that a timer can keep: whole milliseconds, and 24.8 days for anything longer, including `Infinity`.
 * @throws McpBridgeError `invalid_value` unless it is more than 0.
 */
export function timeLimit(name: string, ms: number): number {
  if (!(ms > 0))
    throw new McpBridgeError("invalid_value", `${name} must be a positive number of milliseconds, not ${ms}`);
  return Math.min(Math.ceil(ms), MAX_TIMER_MS);
}

const resultSchema = z.looseObject({ content: z.array(z.unknown()) });

/** Runs calls at the host within the limits. Every call has a result: the host's, or one that says what went wrong. */
export class CallRunner {
  readonly #callTool: CallTool;
  readonly #limits: Required<CallLimits>;
  readonly #onFault: (toolName: string, fault: string) => void;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /**
   * @param onFault Called with each change that was needed in a tool's result.
   * @throws McpBridgeError `invalid_value` for an invalid time, or a limit of no calls at all.
   */
  constructor(callTool: CallTool, limits: CallLimits, onFault: (toolName: string, fault: string) => void) {
    this.#callTool = callTool;
    this.#onFault = onFault;
    const { callTimeoutMs = 5 * 60_000, maxCallMs = DEFAULT_MAX_CALL_MS, maxConcurrentCalls = 32 } = limits;
    if (!(maxConcurrentCalls >= 1))
      throw new McpBridgeError("invalid_value", `maxConcurrentCalls must be at least 1, not ${maxConcurrentCalls}`);
    this.#limits = {
      callTimeoutMs: timeLimit("callTimeoutMs", callTimeoutMs),
      maxCallMs: timeLimit("maxCallMs", maxCallMs),
      maxConcurrentCalls,
    };
  }

  /** Never rejects. The signal of `call` is the client's. */
  async run(call: ToolCall): Promise<ToolResult> {
    await this.#takePlace();
    try {
      return call.signal.aborted ? errorResult("The call was cancelled") : await this.#runNow(call);
    } finally {
      this.#leavePlace();
    }
  }

  async #runNow(call: ToolCall): Promise<ToolResult> {
    const { callTimeoutMs, maxCallMs } = this.#limits;
    const over = new AbortController();
    const stop = (text: string) => over.abort(new Error(text));
    const onCancel = () => over.abort(call.signal.reason);
    call.signal.addEventListener("abort", onCancel, { once: true });
    const whole = setTimeout(
      stop,
      maxCallMs,
      `The tool ${call.name} was still running after ${seconds(maxCallMs)} and was stopped`,
    );
    const silence = setTimeout(
      stop,
      callTimeoutMs,
      `The tool ${call.name} did not answer within ${seconds(callTimeoutMs)} and was stopped`,
    );
    const stopped = new Promise<never>((_, reject) => {
      over.signal.addEventListener("abort", () => reject(over.signal.reason), { once: true });
    });
    // If the host rejects too late, that must not end the process as an unhandled rejection.
    const answered = (async () =>
      this.#callTool({
        ...call,
        signal: over.signal,
        reportProgress: (progress) => {
          if (over.signal.aborted) return;
          silence.refresh();
          call.reportProgress(progress);
        },
      }))();
    try {
      const result = await Promise.race([answered, stopped]);
      if (!resultSchema.safeParse(result).success)
        return errorResult(`The host's answer to ${call.name} is not a tool result: it has no list of content`);
      const onFault = (fault: string) => this.#onFault(call.name, fault);
      return knownContent(limitDepth(result, onFault), onFault);
    } catch (error) {
      return errorResult(messageOf(error));
    } finally {
      clearTimeout(whole);
      clearTimeout(silence);
      call.signal.removeEventListener("abort", onCancel);
    }
  }

  async #takePlace(): Promise<void> {
    if (this.#running < this.#limits.maxConcurrentCalls) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #leavePlace(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
