import { PassThrough } from "node:stream";
import { splitLines } from "@plexum/jsonl";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonRpcError, RpcError } from "./errors.ts";
import { Peer, type PeerOptions } from "./peer.ts";

/** A peer whose other side is raw bytes. */
function rawPeer(options: Partial<PeerOptions> = {}) {
  const input = new PassThrough();
  const output = new PassThrough();
  const lines = splitLines(output);
  const peer = new Peer({ input, output, onRequest: async (_method, params) => ({ echo: params }), ...options });
  const read = async () => {
    const { value } = await lines.next();
    return value?.kind === "line" ? JSON.parse(Buffer.from(value.bytes).toString()) : value;
  };
  return { peer, input, output, read, say: (message: unknown) => input.write(`${JSON.stringify(message)}\n`) };
}

/** Two connected peers. */
function pair(here: Partial<PeerOptions>, there: Partial<PeerOptions> = {}) {
  const up = new PassThrough();
  const down = new PassThrough();
  const onRequest: PeerOptions["onRequest"] = async (_method, params) => ({ echo: params });
  return {
    here: new Peer({ input: up, output: down, onRequest, ...here }),
    there: new Peer({ input: down, output: up, onRequest, ...there }),
    up,
    down,
  };
}

const ping = { jsonrpc: "2.0", id: "after", method: "x", params: 1 };
const pong = { jsonrpc: "2.0", id: "after", result: { echo: 1 } };

describe("bad input gets an error, and the next line is served", () => {
  test.each([
    ["text", "hello", -32700, null],
    ["half a message", '{"jsonrpc":"2.0",', -32700, null],
    ["bytes that are not UTF-8", Buffer.from([0x22, 0xff, 0x22]), -32700, null],
    ["a batch", '[{"jsonrpc":"2.0","id":1,"method":"x"}]', -32600, null],
    ["a number", "1", -32600, null],
    ["null", "null", -32600, null],
    ["no version", '{"id":7,"method":"x"}', -32600, 7],
    ["neither method, result nor error", '{"jsonrpc":"2.0","id":7}', -32600, 7],
    ["a method that is not a string", '{"jsonrpc":"2.0","id":7,"method":1}', -32600, 7],
    ["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"x"}', -32600, null],
    ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"x"}', -32600, null],
  ])("%s", async (_name, line, code, id) => {
    const { input, read, say } = rawPeer();
    input.write(line);
    input.write("\n");
    say(ping);
    expect(await read()).toMatchObject({ jsonrpc: "2.0", id, error: { code } });
    expect(await read()).toEqual(pong);
  });

  test("a line over the limit, with its id if it is near the start", async () => {
    const { input, read, say } = rawPeer({ maxMessageBytes: 1000 });
    say({ jsonrpc: "2.0", id: 1, method: "x", params: "a".repeat(1000) });
    say({ method: "x", params: "a".repeat(1000), jsonrpc: "2.0", id: 2 });
    input.write(`${"a".repeat(5000)}\n`);
    say(ping);
    expect(await read()).toMatchObject({
      id: 1,
      error: { code: -32600, message: expect.stringContaining("over the limit") },
    });
    expect(await read()).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await read()).toMatchObject({ id: null, error: { code: -32600 } });
    expect(await read()).toEqual(pong);
  });

  test("an id that is in use", async () => {
    const { read, say } = rawPeer({ onRequest: () => new Promise(() => {}) });
    say(ping);
    say(ping);
    expect(await read()).toMatchObject({ id: "after", error: { code: -32600 } });
  });

  test("blank lines, unknown notifications, unexpected answers and damaged answers get no answer", async () => {
    const { input, read, say } = rawPeer();
    input.write("\n\r\n  \n");
    say({ jsonrpc: "2.0", method: "notifications/unheard-of" });
    say({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: {} } });
    say({ jsonrpc: "2.0", id: 99, result: {} });
    say({ jsonrpc: "2.0", id: 99, error: "no object" });
    say(ping);
    expect(await read()).toEqual(pong);
  });
});

test("a line of 10 MB passes in both directions", async () => {
  const { here } = pair({});
  const params = { text: "é\u2028\n".repeat(2_500_000) };
  expect(await here.request("x", params)).toEqual({ echo: params });
});

test("reads the same messages however the bytes are cut", async () => {
  const message = fc.record({ text: fc.string({ unit: "binary", maxLength: 30 }), n: fc.integer() });
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
      async (messages, sizes) => {
        const { input, output } = rawPeer();
        const lines = messages.map((params, id) => JSON.stringify({ jsonrpc: "2.0", id, method: "x", params }));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          input.write(bytes.subarray(at, at + size));
          at += size;
        }
        const answers = [];
        if (messages.length > 0) {
          for await (const line of splitLines(output)) {
            if (line.kind === "line") answers.push(JSON.parse(Buffer.from(line.bytes).toString()));
            if (answers.length === messages.length) break;
          }
        }
        expect(answers).toEqual(messages.map((params, id) => ({ jsonrpc: "2.0", id, result: { echo: params } })));
      },
    ),
    { numRuns: 60 },
  );
});

describe("requests", () => {
  test("both ends send requests at the same time, with the same ids", async () => {
    const { here, there } = pair(
      { onRequest: async () => ({ from: "here" }) },
      { onRequest: async () => ({ from: "there" }) },
    );
    const results = await Promise.all([here.request("a", {}), there.request("b", {}), here.request("c", {})]);
    expect(results).toEqual([{ from: "there" }, { from: "here" }, { from: "there" }]);
  });

  test("an RpcError arrives unchanged, any other error as an internal error", async () => {
    const { here } = pair(
      {},
      {
        async onRequest(method) {
          if (method === "rpc") throw new RpcError(-32001, "busy", { data: { until: 5 } });
          if (method === "cyclic") {
            const data: Record<string, unknown> = {};
            data.data = data;
            throw new RpcError(-32001, "cyclic", { data });
          }
          if (method === "bigint") return { n: 1n };
          throw Object.assign(new Error("no such file"), { code: "ENOENT" });
        },
      },
    );
    const failure = (method: string) => here.request(method, {}).catch((error) => error);
    const error = await failure("rpc");
    expect(RpcError.isInstance(error) && JsonRpcError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ code: "rpc", rpcCode: -32001, message: "busy", data: { until: 5 } });
    expect(await failure("cyclic")).toMatchObject({ rpcCode: -32001, message: "cyclic" });
    expect(await failure("bigint")).toMatchObject({ rpcCode: -32603 });
    expect(await failure("other")).toMatchObject({
      rpcCode: -32603,
      message: "no such file",
      data: { code: "ENOENT" },
    });
  });

  test("aborting the caller's signal aborts the handler's, and rejects the call", async () => {
    const handlerAborted = Promise.withResolvers<unknown>();
    const started = Promise.withResolvers<void>();
    const { here } = pair(
      {},
      {
        onRequest: (_method, _params, { signal }) => {
          signal.addEventListener("abort", () => handlerAborted.resolve(signal.reason));
          started.resolve();
          return new Promise(() => {});
        },
      },
    );
    const controller = new AbortController();
    const call = here.request("x", {}, { signal: controller.signal });
    await started.promise;
    controller.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
    expect(await handlerAborted.promise).toMatchObject({ name: "AbortError", message: "changed my mind" });
    await expect(here.request("x", {}, { signal: controller.signal })).rejects.toThrow("changed my mind");
  });

  test("with onAbort: wait, the call resolves to the handler's answer", async () => {
    const { here } = pair(
      {},
      {
        onRequest: (_method, _params, { signal }) =>
          new Promise((resolve) => signal.addEventListener("abort", () => resolve({ cleaned: true }))),
      },
    );
    const controller = new AbortController();
    const call = here.request("x", {}, { signal: controller.signal, onAbort: "wait" });
    controller.abort();
    expect(await call).toEqual({ cleaned: true });
  });

  test("progress is reported only if the caller asks for it", async () => {
    const { here } = pair(
      {},
      {
        async onRequest(_method, params, { progress }) {
          progress({ progress: 1, total: 2, message: "half" });
          return { params };
        },
      },
    );
    const reports: unknown[] = [];
    const params = { _meta: { agent_id: "a" } };
    const result = await here.request("x", params, { onProgress: (report) => reports.push(report) });
    expect(reports).toEqual([{ progress: 1, total: 2, message: "half" }]);
    expect(result).toEqual({ params: { _meta: { agent_id: "a", progressToken: 0 } } });
    expect(await here.request("x", params)).toEqual({ params });
    expect(reports).toHaveLength(1);
  });

  test("an answer over the limit fails only its own request", async () => {
    const { here } = pair({ maxMessageBytes: 1000 }, { onRequest: async (method) => ({ text: method.repeat(1000) }) });
    await expect(here.request("x", {})).rejects.toThrow("over the limit");
    expect(await here.request("", {})).toEqual({ text: "" });
  });

  test("the end of the input rejects pending requests and aborts running handlers", async () => {
    const aborted = Promise.withResolvers<AbortSignal>();
    const { here, there, up } = pair(
      {
        onRequest: (_method, _params, { signal }) => {
          signal.addEventListener("abort", () => aborted.resolve(signal));
          return new Promise(() => {});
        },
      },
      { onRequest: () => new Promise(() => {}) },
    );
    there.request("hang", {}).catch(() => {});
    const call = here.request("hang", {});
    up.end();
    await expect(call).rejects.toMatchObject({ code: "closed" });
    await here.ended;
    expect((await aborted.promise).aborted).toBe(true);
    await expect(here.request("x", {})).rejects.toMatchObject({ code: "closed" });
  });
});

test("notify resolves when the output drains, and when it closes", async () => {
  const { peer, output } = rawPeer();
  const text = "x".repeat(100_000);
  let isDrained = false;
  const drained = peer.notify("n", { text }).then(() => {
    isDrained = true;
  });
  await new Promise(setImmediate);
  expect(isDrained).toBe(false);
  output.resume();
  await drained;
  output.pause();
  const closed = peer.notify("n", { text });
  output.destroy();
  await closed;
});
