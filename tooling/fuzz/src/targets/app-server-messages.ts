import { once } from "node:events";
import { PassThrough } from "node:stream";
import { Peer, RPC_CODES, RpcError } from "@plexum/json-rpc";
import { TurnRecord } from "../../../../packages/codex-app-server/src/turn-record.ts";
import {
  answerFor,
  endsTurnOf,
  itemIdIn,
  oversizedEvent,
  readConfig,
  readDefaultModel,
  readLoadedThread,
  readNotification,
  readStartedTurn,
  readThreadStatus,
  statusOfError,
  threadOf,
} from "../../../../packages/codex-app-server/src/wire.ts";
import { chunksOf, type FuzzTarget, must } from "../fuzz-target.ts";

const REQUESTS = 5;

/** The output of a codex app-server, with some pending requests of ours that it may answer. */
export const appServerMessages: FuzzTarget = {
  name: "app-server-messages",
  async run(input) {
    const [fromCodex, toCodex] = [new PassThrough(), new PassThrough()];
    toCodex.resume();
    let events = 0;
    const log = new TurnRecord(() => events++);
    const peer = new Peer({
      input: fromCodex,
      output: toCodex,
      dialect: "plain",
      maxMessageBytes: 1024 * 1024,
      async onRequest(method) {
        const answer = answerFor(method);
        if (answer === undefined) throw new RpcError(RPC_CODES.methodNotFound, method);
        return answer;
      },
      onNotification(method, params) {
        threadOf(params);
        const notification = readNotification(method, params);
        log.take(notification, method);
        if (notification.kind === "error") statusOfError(notification.error);
      },
      onFault(_error, line) {
        if (line.kind !== "oversized") return;
        const event = oversizedEvent(line.head, line.length);
        itemIdIn(event);
        endsTurnOf("01a21883-4565-7f03-8755-b37bce40084a", event);
        log.oversized(event);
      },
    });
    const asked = Array.from({ length: REQUESTS }, () => peer.request("anything", {}));
    log.threadIs("01a21883-4565-7f03-8755-b37bce40084a");
    const answers = Promise.allSettled(asked);
    for (const chunk of chunksOf(input)) if (!fromCodex.write(chunk)) await once(fromCodex, "drain");
    fromCodex.end();
    await peer.ended;
    for (const answer of await answers) if (answer.status === "fulfilled") readAnswer(answer.value);
    log.settle();
    must(!log.isWorking, "nothing is open at the end");
    log.failure(undefined);
    await peer.settle("done");
  },
};

function readAnswer(answer: unknown): void {
  try {
    readLoadedThread(answer);
  } catch (error) {
    // This error is documented, for an answer without a thread.
    must(error instanceof TypeError && error.message.includes("without reporting its id"), "a documented error");
  }
  readConfig(answer);
  readDefaultModel(answer);
  readStartedTurn(answer);
  readThreadStatus(answer);
}
