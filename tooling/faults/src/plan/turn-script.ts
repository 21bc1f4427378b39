import {
  answer,
  codeModeScript,
  functionCall,
  httpError,
  type ModelRequest,
  message,
  type Reply,
  shell,
} from "@plexum/scripted-model";
import type { Fault } from "./fault.ts";
import type { PlannedCall, PlannedTurn } from "./plan.ts";
import type { PlannedScript } from "./planned-script.ts";
import { type NamedCall, resultOf, scriptSource } from "./script-source.ts";

/** What the model does instead of a proper answer. */
const FAILURES: Readonly<Partial<Record<Fault, Reply>>> = {
  "model-429": httpError(429),
  "model-500": httpError(500),
  "malformed-sse": {
    kind: "raw",
    text: 'event: response.output_item.done\ndata: {"type": nonsense\n\n:\n\ndata\n\n\xff\n',
    ending: "end",
  },
  "half-sse": {
    kind: "raw",
    text: 'event: response.output_item.done\ndata: {"type":"response.output_item.done","item":{"ty',
    ending: "drop",
  },
  "model-drops": { kind: "drop" },
  "model-never-ends": { kind: "hang" },
};

/** More than a pipe holds. */
const LONG_TEXT = ` ${"and so on ".repeat(30_000)}`;

/** A script that the model wrote. */
export interface IssuedScript {
  readonly plan: PlannedScript;
  /** The names of the calls in it. */
  readonly calls: readonly string[];
}

/** What the model does in one turn. */
export class TurnScript {
  readonly token: string;
  /** The ids of the calls that the model has made. */
  readonly issued: string[] = [];
  /** In code mode: the scripts among them, by call id. */
  readonly scripts = new Map<string, IssuedScript>();
  /** The seconds of each `sleep` that a command leaves behind. */
  readonly sleeps: number[];
  readonly #turn: PlannedTurn;
  readonly #firstRequest = Promise.withResolvers<void>();
  readonly #secondRequest = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<void>();
  #requests = 0;
  #left = 0;

  constructor(token: string, turn: PlannedTurn, firstSleep: number) {
    this.token = token;
    this.#turn = turn;
    this.sleeps = turn.calls.flat().flatMap(({ leavesProcess }, index) => (leavesProcess ? [firstSleep + index] : []));
  }

  get prompt(): string {
    return `turn <${this.token}>`;
  }

  /** What the model says at the end. */
  get text(): string {
    return `done ${this.token}`;
  }

  get requests(): number {
    return this.#requests;
  }

  get firstRequest(): Promise<void> {
    return this.#firstRequest.promise;
  }

  get secondRequest(): Promise<void> {
    return this.#secondRequest.promise;
  }

  /** The model misbehaves as planned. */
  get failed(): Promise<void> {
    return this.#failed.promise;
  }

  reply(request: ModelRequest): Reply {
    const index = this.#requests++;
    if (index === 0) this.#firstRequest.resolve();
    if (index === 1) this.#secondRequest.resolve();
    const isFaulty = index === this.#turn.answer;
    const failure = isFaulty ? FAILURES[this.#turn.fault] : undefined;
    if (failure !== undefined) {
      this.#failed.resolve();
      return failure;
    }
    const items = this.#items(index, request);
    const delayMs = isFaulty && this.#turn.fault === "model-stalls" ? this.#turn.ms : 0;
    const text = this.#turn.fault === "silent-host" ? this.text + LONG_TEXT : this.text;
    return answer(items ?? [message(text)], undefined, delayMs);
  }

  #items(index: number, request: ModelRequest) {
    const calls = this.#turn.calls[index];
    const plan = this.#turn.scripts?.[index];
    if (calls === undefined || plan === undefined)
      return calls?.map((call, position) => this.#call(call, `${index}-${position}`, request));
    const callId = `call_${this.token}-${index}`;
    const named = calls.map((call, position): NamedCall => {
      const name = `${callId}-${position}`;
      return { ...call, name, command: this.#command(call, name) };
    });
    this.issued.push(callId);
    this.scripts.set(callId, { plan, calls: named.map(({ name }) => name) });
    return [codeModeScript(scriptSource(plan, named), { callId })];
  }

  #call(call: PlannedCall, position: string, request: ModelRequest) {
    const callId = `call_${this.token}-${position}`;
    this.issued.push(callId);
    if (call.tool === "lookup") {
      const namespace = request.toolNames.find((name) => name.endsWith(".lookup"))?.replace(/\.lookup$/, "") ?? "none";
      return functionCall("lookup", { call: callId, ms: call.ms }, { callId, namespace });
    }
    return shell(this.#command(call, callId), { callId });
  }

  #command({ ms, leavesProcess }: PlannedCall, name: string): string {
    const left = leavesProcess ? this.sleeps[this.#left++] : undefined;
    const leave = left === undefined ? "" : `setsid sleep ${left} > /dev/null 2>&1 & `;
    return `${leave}sleep ${ms / 1000}; echo ${resultOf(name)}`;
  }
}
