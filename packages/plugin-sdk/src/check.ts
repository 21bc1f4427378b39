import { RPC_CODES, RpcError } from "@plexum/json-rpc";
import type * as z from "zod/mini";
import { PluginSdkError } from "./errors.ts";

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly faults: string };

/** How many faults of one value are reported. */
const MOST_FAULTS = 5;

/**
 * Checks a value from outside. `faults` names each wrong key and what was expected, never the actual value.
 *
 * @param name The name of the value as a whole.
 */
export function check<T>(schema: z.ZodMiniType<T>, value: unknown, name: string): Checked<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, value: result.data };
  const faults = result.error.issues
    .slice(0, MOST_FAULTS)
    .map((issue) => `${keyOf(issue.path, name)}: ${fault(issue)}`);
  const more = result.error.issues.length - faults.length;
  return { ok: false, faults: faults.join("; ") + (more > 0 ? `; and ${more} more` : "") };
}

/** @throws RpcError `invalidParams` that names the wrong keys. */
export function checkedParams<T>(schema: z.ZodMiniType<T>, params: unknown): T {
  const checked = check(schema, params, "params");
  if (checked.ok) return checked.value;
  throw invalidParams(checked.faults);
}

/** @throws PluginSdkError `protocol_violation` that names the wrong keys. */
export function checkedAnswer<T>(schema: z.ZodMiniType<T>, result: unknown): T {
  const checked = check(schema, result, "result");
  if (checked.ok) return checked.value;
  throw new PluginSdkError("protocol_violation", `the other side's answer is malformed: ${checked.faults}`);
}

export function invalidParams(message: string): RpcError {
  return new RpcError(RPC_CODES.invalidParams, message);
}

function keyOf(path: readonly PropertyKey[], name: string): string {
  return path.reduce<string>(
    (key, part) => (typeof part === "number" ? `${key}[${part}]` : `${key}.${String(part)}`),
    name,
  );
}

/** zod/mini has no messages without a locale, and nothing else here needs one. */
function fault(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_small":
      return `expected at least ${issue.minimum}`;
    case "invalid_union":
      return issue.errors.flatMap((errors) => errors.map(fault)).join(" or ");
    default:
      return issue.message;
  }
}
