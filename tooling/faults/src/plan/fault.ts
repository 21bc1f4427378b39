export const TRANSPORTS = ["exec", "app-server"] as const;
export type Transport = (typeof TRANSPORTS)[number];

interface FaultKind {
  /** How often it is picked, relative to the others. */
  readonly weight: number;
  /** The only transport that the fault applies to. */
  readonly only?: Transport;
  /** Whether the turn must complete despite the fault. */
  readonly isHarmless?: true;
  /** Needs a private mount: root, on Linux. */
  readonly needsMount?: true;
}

/** What can go wrong in a turn. Each turn has one of them. */
export const FAULTS = {
  none: { weight: 14, isHarmless: true },
  cancel: { weight: 8 },
  "kill-codex": { weight: 6 },
  "kill-idle-codex": { weight: 4, only: "app-server", isHarmless: true },
  "kill-plugin": { weight: 5 },
  "kill-relay": { weight: 5, only: "exec" },
  /** The bridge is part of the plugin: it is killed while codex waits for a host tool. */
  "kill-bridge": { weight: 3 },
  "kill-mutation": { weight: 4, isHarmless: true },
  "model-429": { weight: 2 },
  "model-500": { weight: 2 },
  "malformed-sse": { weight: 2 },
  "half-sse": { weight: 2 },
  "model-drops": { weight: 2 },
  "model-stalls": { weight: 2, isHarmless: true },
  "model-never-ends": { weight: 4 },
  "mutate-during": { weight: 6, isHarmless: true },
  "two-turns": { weight: 4, isHarmless: true },
  "two-workspaces": { weight: 4, isHarmless: true },
  "stop-codex": { weight: 2, isHarmless: true },
  /** `turn/completed` never arrives: codex is stopped, and the host cancels. */
  "stop-codex-cancel": { weight: 2 },
  "cut-stdin": { weight: 3 },
  "silent-host": { weight: 3, isHarmless: true },
  "remove-home": { weight: 1 },
  "read-only-rollout": { weight: 2, needsMount: true },
  "full-disk": { weight: 2, needsMount: true },
} as const satisfies Readonly<Record<string, FaultKind>>;

export type Fault = keyof typeof FAULTS;

export const faultKind = (fault: Fault): FaultKind => FAULTS[fault];
