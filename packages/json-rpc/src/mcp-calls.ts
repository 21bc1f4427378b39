import type { RequestId } from "./message.ts";

// How MCP cancels a call and reports its progress.

export const CANCELLED = "notifications/cancelled";
export const PROGRESS = "notifications/progress";

/** A progress report of a call. `progress` grows with each report. */
export interface Progress {
  readonly progress: number;
  /** The value of `progress` at the end, if known. */
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

/** Reads the params of a cancellation. Returns undefined if they are invalid. */
export function readCancelled(params: unknown): { requestId: RequestId; reason: string } | undefined {
  const { requestId, reason } = keysOf(params);
  if (!isRequestId(requestId)) return undefined;
  return { requestId, reason: typeof reason === "string" ? reason : "the caller canceled the request" };
}

/** Reads the params of a progress report, and keeps unknown keys. Returns undefined if they are invalid. */
export function readProgress(params: unknown): { progressToken: RequestId; progress: Progress } | undefined {
  const { progressToken, progress, total, message, ...rest } = keysOf(params);
  if (!isRequestId(progressToken) || typeof progress !== "number") return undefined;
  const report: Progress = {
    ...rest,
    progress,
    ...(typeof total === "number" ? { total } : {}),
    ...(typeof message === "string" ? { message } : {}),
  };
  return { progressToken, progress: report };
}

export function withProgressToken(params: object, progressToken: RequestId): object {
  const { _meta, ...rest } = params as { _meta?: object };
  return { ...rest, _meta: { ..._meta, progressToken } };
}

export function progressTokenOf(params: unknown): RequestId | undefined {
  const token = keysOf(keysOf(params)._meta).progressToken;
  return isRequestId(token) ? token : undefined;
}

const keysOf = (value: unknown) =>
  (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;

const isRequestId = (value: unknown): value is RequestId => typeof value === "string" || typeof value === "number";
