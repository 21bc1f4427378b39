import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { host, laptop, studio } from "../../test/host.ts";
import { formatSessions } from "../format-sessions.ts";
import { findSessionOnNode, listSessionsOnNode, resumeSessionOnNode } from "./sessions-on-node.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const SESSION = {
  sessionId: ID,
  updatedAt: "2026-01-02T03:04:05.000Z",
  lastMessage: "tidy up",
  cwd: "/home/me/app",
  sessionFile: "/home/me/.codex/sessions/rollout.jsonl",
  messageCount: 3,
  archived: false,
  compressed: false,
};
const LISTING = { sessions: [SESSION], warnings: [], codexHome: "/home/me/.codex" };
const list = () => ({ payload: LISTING });
const resumed = (text = "done") => ({ payloadJSON: JSON.stringify({ ok: true, sessionId: ID, text }) });

describe("the choice of a node", () => {
  const nodes = [studio, laptop, { ...studio, nodeId: "node-3", displayName: "Off", connected: false }];
  const plain = { ...studio, nodeId: "node-4", displayName: "Plain", remoteIp: "10.0.0.9", commands: ["other"] };

  test.each([
    ["its id", "node-2"],
    ["its display name", "Laptop"],
    ["its name in another case", " laptop "],
    ["its address", "10.0.0.8"],
  ])("by %s", async (_name, node) => {
    const { runtime, calls } = host(nodes, list);
    expect((await listSessionsOnNode(runtime, { node })).node).toEqual(laptop);
    expect(calls.map(({ nodeId }) => nodeId)).toEqual(["node-2"]);
  });

  test("without a name, the only one that exposes the command", async () => {
    const { runtime } = host([plain, studio], list);
    expect((await listSessionsOnNode(runtime)).node.nodeId).toBe("node-1");
  });

  test("an id stands for its node, even if it is the name of another node", async () => {
    const { runtime } = host([{ ...laptop, displayName: "node-1" }, studio], list);
    expect((await listSessionsOnNode(runtime, { node: "node-1" })).node).toEqual(studio);
  });

  test("of two with the same name, the one that exposes the command", async () => {
    const { runtime } = host([{ ...plain, displayName: "Studio" }, studio], list);
    expect((await listSessionsOnNode(runtime, { node: "Studio" })).node).toEqual(studio);
  });

  test.each<[string, unknown[], string | undefined, string, string]>([
    ["none connected", [], undefined, "node_not_found", "No node is connected"],
    ["none connected, though one is known", [nodes[2]], "Off", "node_not_found", "No node is connected"],
    [
      "none of this name",
      nodes,
      "Attic",
      "node_not_found",
      'No connected node is called "Attic". Connected: Studio (node-1), Laptop (node-2).',
    ],
    ["an empty name", nodes, "", "node_not_found", 'No connected node is called "".'],
    [
      "one without the command",
      [plain],
      "Plain",
      "node_unsupported",
      "Node Plain (node-4) does not expose codex.cli.sessions.list",
    ],
    [
      "only ones without the command",
      [plain, { ...plain, nodeId: "node-5", commands: undefined }],
      undefined,
      "node_unsupported",
      "None of the nodes exposes",
    ],
    [
      "several",
      nodes,
      undefined,
      "node_ambiguous",
      "Several nodes expose codex.cli.sessions.list: name one of them by its id. They are Studio (node-1), Laptop (node-2).",
    ],
    [
      "several of one name",
      [studio, { ...laptop, displayName: "Studio" }],
      "Studio",
      "node_ambiguous",
      "Studio (node-1), Studio (node-2).",
    ],
    [
      "a crowd",
      Array.from({ length: 9 }, (_, index) => ({ ...studio, nodeId: `n${index}` })),
      undefined,
      "node_ambiguous",
      "and 4 more.",
    ],
    ["what is no node", [null, 5, {}, { nodeId: "" }], undefined, "node_not_found", "No node is connected"],
  ])("%s: a clear error, and nothing is invoked", async (_name, known, node, code, message) => {
    const { runtime, calls } = host(known, list);
    await expect(listSessionsOnNode(runtime, { node })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(calls).toEqual([]);
  });

  test("a name can't forge the message", async () => {
    const { runtime } = host([{ ...studio, displayName: "a\n\u001b[31mb\u202e" }, laptop], list);
    await expect(listSessionsOnNode(runtime)).rejects.toThrow("a b (node-1), Laptop (node-2).");
  });
});

describe("the list of a node", () => {
  test("is requested with the checked parameters, and read from payload or payloadJSON", async () => {
    const { runtime, calls } = host([studio], list);
    const expected = { node: studio, ...LISTING };
    expect(await listSessionsOnNode(runtime, { filter: " app ", limit: 1e9, archived: true })).toEqual(expected);
    expect(calls).toEqual([
      {
        nodeId: "node-1",
        command: "codex.cli.sessions.list",
        params: { filter: "app", limit: 50, archived: true },
        timeoutMs: 15_000,
        scopes: ["operator.write"],
        signal: expect.any(AbortSignal),
      },
    ]);
    const asText = host([studio], () => ({ ok: true, payload: null, payloadJSON: JSON.stringify(LISTING) }));
    expect(await listSessionsOnNode(asText.runtime)).toEqual(expected);
  });

  test.each<[string, object]>([
    ["without envelope", LISTING],
    ["without envelope, with keys of a newer node", { ...LISTING, sessionFileCount: 1, payloadVersion: 2 }],
    ["as text beside a part of it", { payload: { sessions: [] }, payloadJSON: JSON.stringify(LISTING) }],
    ["as text beside something else", { ok: true, payload: "stored", payloadJSON: `\n${JSON.stringify(LISTING)}\n` }],
    ["beside blank text", { ok: true, nodeId: "node-1", command: "list", payload: LISTING, payloadJSON: " \n" }],
    ["beside text that is null", { payload: LISTING, payloadJSON: null }],
  ])("is read from an answer %s", async (_name, answer) => {
    const { runtime } = host([studio], () => answer);
    expect(await listSessionsOnNode(runtime)).toEqual({ node: studio, ...LISTING });
  });

  test("omits sessions of the wrong shape, with a warning, and wrong values of the others", async () => {
    const odd = { sessionId: ID, updatedAt: 5, messageCount: "many", archived: 1, extra: true };
    const bad = [null, {}, [], "text", { ...SESSION, sessionId: "a b" }, { ...SESSION, sessionId: 5 }];
    const { runtime } = host([studio], () => ({ payload: { sessions: [SESSION, ...bad, odd] } }));
    const { sessions, warnings } = await listSessionsOnNode(runtime);
    expect(sessions).toEqual([SESSION, { sessionId: ID, messageCount: 0, archived: false, compressed: false }]);
    expect(warnings).toEqual(["6 of the node's sessions could not be read."]);
  });

  test.each<[string, object, string]>([
    [
      "with both kinds of gaps",
      { scannedFileCount: 200, sessionFileCount: 950, unreadSpanCount: 3 },
      "The node searched 200 of 950 session files, 3 large files only in part, so matching sessions may be missing.",
    ],
    [
      "that opened every file",
      { scannedFileCount: 12, sessionFileCount: 12, unreadSpanCount: 1 },
      "The node searched 1 large file only in part, so matching sessions may be missing.",
    ],
    ["without counts", {}, "The node did not search everything, so matching sessions may be missing."],
    [
      "with odd counts",
      { scannedFileCount: "many", sessionFileCount: -1, unreadSpanCount: Number.NaN },
      "The node did not search everything, so matching sessions may be missing.",
    ],
  ])("keeps the results of a truncated search, %s, with a note for the user", async (_name, counts, said) => {
    const answer = { sessions: [], warnings: ["One more."], searchTruncated: true, ...counts };
    const { runtime } = host([studio], () => ({ payload: answer }));
    const listing = await listSessionsOnNode(runtime, { filter: "app" });
    expect(listing).toMatchObject({ sessions: [], searchTruncated: true });
    expect(formatSessions(listing).split("\n")).toEqual([
      "No codex sessions found on Studio, but not all were searched.",
      `Note: ${said} List with "searchAll" to search everything.`,
      "Note: One more.",
    ]);
  });

  test.each([false, "true", 1, null, undefined])("searchTruncated %j is ignored", async (searchTruncated) => {
    const answer = { sessions: [], searchTruncated, scannedFileCount: 5, sessionFileCount: 9 };
    const { runtime } = host([studio], () => ({ payload: answer }));
    const listing = await listSessionsOnNode(runtime);
    expect(listing).toMatchObject({ warnings: [], searchTruncated: undefined });
    expect(formatSessions(listing)).toBe("No codex sessions on Studio.");
  });

  test("everything is searched on request, and a session that was read in part is marked", async () => {
    const { runtime, calls } = host([studio], () => ({ sessions: [{ ...SESSION, partialScan: true }] }));
    const listing = await listSessionsOnNode(runtime, { searchAll: true, timeoutMs: 60_000 });
    expect(calls[0]).toMatchObject({ params: { searchAll: true }, timeoutMs: 60_000 });
    expect(formatSessions(listing)).toContain(" · read in part · /home/me/app · ");
  });

  test("is truncated to the requested number", async () => {
    const { runtime } = host([studio], () => ({ payload: { sessions: Array(1000).fill(SESSION) } }));
    expect((await listSessionsOnNode(runtime)).sessions).toHaveLength(50);
  });

  test.each<[string, unknown, string, string]>([
    ["nothing", undefined, "node_malformed", "is empty"],
    ["text", "text", "node_malformed", "is empty"],
    ["an empty envelope", {}, "node_malformed", "is empty"],
    [
      "an envelope around nothing",
      { ok: true, nodeId: "n", command: "c", payload: null },
      "node_malformed",
      "is empty",
    ],
    [
      "something else without envelope",
      { ok: true, text: "hi" },
      "node_malformed",
      "does not have the command's shape",
    ],
    ["text that isn't JSON", { payloadJSON: "{" }, "node_malformed", "is not JSON"],
    [
      "torn text beside a payload",
      { payload: { sessions: [] }, payloadJSON: '{"sess' },
      "node_malformed",
      "is not JSON",
    ],
    ["JSON of something else", { payloadJSON: "[]" }, "node_malformed", "does not have the command's shape"],
    ["null as JSON", { payloadJSON: "null" }, "node_malformed", "does not have the command's shape"],
    [
      "sessions that are not a list",
      { payload: { sessions: {} } },
      "node_malformed",
      "does not have the command's shape",
    ],
    [
      "a refusal",
      { ok: false, message: "not\npaired" },
      "node_failed",
      "did not run codex.cli.sessions.list: not paired",
    ],
    ["a refusal in an error", { ok: false, error: { message: "denied" } }, "node_failed", "denied"],
    ["a refusal without reason", { ok: false }, "node_failed", "no reason given"],
  ])("an answer with %s is a clear error", async (_name, answer, code, message) => {
    const { runtime } = host([studio], () => answer);
    await expect(listSessionsOnNode(runtime)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  test("a host that throws is a clear error that quotes it", async () => {
    const cause = new Error("gateway gone");
    const failing = host([studio], () => Promise.reject(cause));
    await expect(listSessionsOnNode(failing.runtime)).rejects.toMatchObject({
      code: "node_failed",
      message: "Node Studio failed at codex.cli.sessions.list: gateway gone",
      cause,
    });
    const list = () => {
      throw cause;
    };
    const { invoke } = failing.runtime.nodes;
    await expect(listSessionsOnNode({ nodes: { list, invoke } })).rejects.toMatchObject({ code: "node_failed", cause });
  });

  test("a host whose list of nodes is not a list is a clear error", async () => {
    const { invoke } = host([], list).runtime.nodes;
    const list_ = async () => null as never;
    await expect(listSessionsOnNode({ nodes: { list: list_, invoke } })).rejects.toMatchObject({ code: "node_failed" });
  });
});

describe("one session of a node", () => {
  test("is found by its id, among all that match", async () => {
    const other = { ...SESSION, sessionId: `${ID}-2` };
    const { runtime, calls } = host([studio], () => ({ payload: { sessions: [other, SESSION] } }));
    expect(await findSessionOnNode(runtime, { sessionId: ID })).toEqual({ node: studio, session: SESSION });
    expect(calls[0]?.params).toMatchObject({ filter: ID, limit: 50 });
    expect((await findSessionOnNode(runtime, { sessionId: ID.toUpperCase() })).session).toEqual(SESSION);
    expect((await findSessionOnNode(runtime, { sessionId: "absent" })).session).toBeUndefined();
  });

  test("is searched everywhere before it is reported missing", async () => {
    const named = { ...laptop, displayName: "Studio", commands: [] };
    const answer = (params: { params: unknown }, all: object) =>
      Object(params.params).searchAll ? all : { sessions: [], searchTruncated: true };
    const has = host([named, studio], (call) => answer(call, { sessions: [SESSION] }));
    expect(await findSessionOnNode(has.runtime, { node: "Studio", sessionId: ID })).toEqual({
      node: studio,
      session: SESSION,
    });
    expect(has.calls.map(({ nodeId }) => nodeId)).toEqual(["node-1", "node-1"]);
    const hasNot = host([studio], (call) => answer(call, { sessions: [] }));
    expect(await findSessionOnNode(hasNot.runtime, { sessionId: ID })).toEqual({ node: studio, session: undefined });
    const short = host([studio], (call) => answer(call, { sessions: [], searchTruncated: true }));
    expect(await findSessionOnNode(short.runtime, { sessionId: ID })).toEqual({
      node: studio,
      session: undefined,
      searchTruncated: true,
    });
    const found = host([studio], () => ({ sessions: [SESSION], searchTruncated: true }));
    expect((await findSessionOnNode(found.runtime, { sessionId: ID })).session).toEqual(SESSION);
    expect(found.calls).toHaveLength(1);
  });

  test("is found by the beginning of its id, if that is unique", async () => {
    const others = ["0199a213-2", `x-${ID}`].map((sessionId) => ({ ...SESSION, sessionId }));
    const { runtime } = host([studio], () => ({ sessions: [...others, SESSION] }));
    const beginning = ID.slice(0, -3);
    expect((await findSessionOnNode(runtime, { sessionId: beginning.toUpperCase() })).session).toEqual(SESSION);
    const two = host([studio], () => ({ sessions: [SESSION, { ...SESSION, sessionId: `${beginning}zzz` }] }));
    await expect(findSessionOnNode(two.runtime, { sessionId: beginning })).rejects.toMatchObject({
      code: "invalid_params",
      message: expect.stringContaining(`\n  ${ID}\n  ${beginning}zzz`),
    });
    const one = host([studio], ({ params }) => ({
      sessions: Object(params).searchAll ? [SESSION, { ...SESSION, sessionId: `${beginning}zzz` }] : [SESSION],
      searchTruncated: true,
    }));
    await expect(findSessionOnNode(one.runtime, { sessionId: beginning })).rejects.toMatchObject({
      code: "invalid_params",
    });
    const full = Array.from({ length: 50 }, (_, number) =>
      number === 9 ? SESSION : { ...SESSION, sessionId: `${number}`, lastMessage: beginning },
    );
    const many = host([studio], () => ({ sessions: full }));
    await expect(findSessionOnNode(many.runtime, { sessionId: beginning })).rejects.toMatchObject({
      code: "invalid_params",
    });
    expect((await findSessionOnNode(many.runtime, { sessionId: ID })).session).toEqual(SESSION);
  });

  test("is refused on a node that can't resume, and with an invalid id", async () => {
    const { runtime, calls } = host([{ ...studio, commands: ["codex.cli.sessions.list"] }], list);
    await expect(findSessionOnNode(runtime, { sessionId: ID })).rejects.toMatchObject({
      code: "node_unsupported",
      message: expect.stringContaining("does not expose codex.cli.session.resume"),
    });
    calls.length = 0;
    await expect(findSessionOnNode(runtime, { sessionId: "../x" })).rejects.toMatchObject({ code: "invalid_params" });
    expect(calls).toEqual([]);
  });
});

describe("a resume on a node", () => {
  test("returns the text; the node gets the turn's limit, the host five seconds more", async () => {
    const { runtime, calls } = host([studio], () => resumed());
    expect(await resumeSessionOnNode(runtime, { sessionId: ID, prompt: "go on", cwd: "C:\\app" })).toEqual({
      node: studio,
      sessionId: ID,
      text: "done",
    });
    expect(calls[0]).toMatchObject({
      command: "codex.cli.session.resume",
      params: { sessionId: ID, prompt: "go on", cwd: "C:\\app", timeoutMs: 1_200_000 },
      timeoutMs: 1_205_000,
      scopes: ["operator.write"],
    });
    await resumeSessionOnNode(runtime, { sessionId: ID, prompt: "go on", timeoutMs: 1e9 });
    expect(calls[1]).toMatchObject({ params: { timeoutMs: 3_600_000 }, timeoutMs: 3_605_000 });
  });

  test.each<[string, object]>([
    ["without the session's id", { payload: { ok: true, text: "done" } }],
    ["with an id that is none", { payload: { ok: true, sessionId: null, text: "done" } }],
    ["without id and envelope", { ok: true, text: "done" }],
    ["with both forms", { ok: true, payload: { ok: true }, payloadJSON: '{"ok":true,"text":"done"}' }],
  ])("an answer %s is for the requested session", async (_name, answer) => {
    const { runtime } = host([studio], () => answer);
    const resumed = await resumeSessionOnNode(runtime, { sessionId: ID, prompt: "go on" });
    expect(resumed).toEqual({ node: studio, sessionId: ID, text: "done" });
  });

  test("with invalid parameters is refused before anyone is asked", async () => {
    const { runtime, calls } = host([studio], () => resumed());
    await expect(resumeSessionOnNode(runtime, { sessionId: "a b", prompt: " " })).rejects.toMatchObject({
      code: "invalid_params",
    });
    expect(calls).toEqual([]);
  });

  test.each([{}, { ok: true }, { ok: false, text: "x", sessionId: ID }, { ok: true, text: 5, sessionId: ID }, null])(
    "%j in answer: a clear error",
    async (answer) => {
      const { runtime } = host([studio], () => ({ payloadJSON: JSON.stringify(answer) }));
      const resume = resumeSessionOnNode(runtime, { sessionId: ID, prompt: "go on" });
      await expect(resume).rejects.toMatchObject({ code: "node_malformed" });
    },
  );

  test("a refusal by the policy is returned with its reason", async () => {
    const { runtime } = host([studio], () => ({ ok: false, code: "PLUGIN_APPROVAL_REQUIRED", message: "ask first" }));
    await expect(resumeSessionOnNode(runtime, { sessionId: ID, prompt: "go on" })).rejects.toThrow("ask first");
  });
});

describe("a slow host", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const never = () => new Promise<never>(() => {});

  test("that never lists its nodes times out", async () => {
    const list = expect(listSessionsOnNode({ nodes: { list: never, invoke: never } })).rejects.toMatchObject({
      code: "node_timed_out",
      message: expect.stringContaining("within 15 s"),
    });
    await vi.advanceTimersByTimeAsync(15_000);
    await list;
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each([
    ["a list", 15_000, (h: ReturnType<typeof host>) => listSessionsOnNode(h.runtime)],
    [
      "a resume",
      65_000,
      (h: ReturnType<typeof host>) =>
        resumeSessionOnNode(h.runtime, { sessionId: ID, prompt: "go on", timeoutMs: 60_000 }),
    ],
  ])("a node that never answers %s: the work is aborted, and the waiting ends", async (_name, limit, run) => {
    const silent = host([studio], never);
    const settled = vi.fn();
    const ran = run(silent).catch((error) => settled(error));
    await vi.advanceTimersByTimeAsync(limit - 1);
    expect(settled).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await ran;
    expect(settled.mock.calls[0]?.[0]).toMatchObject({
      code: "node_timed_out",
      message: expect.stringContaining(`Node Studio did not answer`),
    });
    expect(silent.calls[0]?.signal.aborted).toBe(true);
  });

  test.each([
    ["an answer", (resolve: (value: unknown) => void) => resolve(list())],
    ["a failure", (_resolve: unknown, reject: (error: Error) => void) => reject(new Error("late"))],
  ])("%s that arrives too late is dropped", async (_name, settle) => {
    const { runtime } = host(
      [studio],
      () => new Promise((resolve, reject) => setTimeout(() => settle(resolve, reject), 20_000)),
    );
    const listed = expect(listSessionsOnNode(runtime)).rejects.toMatchObject({ code: "node_timed_out" });
    await vi.advanceTimersByTimeAsync(30_000);
    await listed;
  });

  test("an infinite limit never expires", async () => {
    const { runtime } = host([studio], () => new Promise((resolve) => setTimeout(() => resolve(list()), 1e9)));
    const listed = listSessionsOnNode(runtime, { timeoutMs: Number.POSITIVE_INFINITY });
    await vi.advanceTimersByTimeAsync(1e9);
    expect((await listed).sessions).toEqual([SESSION]);
  });

  test("an answer in time leaves no timer", async () => {
    const { runtime } = host([studio], () => new Promise((resolve) => setTimeout(() => resolve(list()), 14_000)));
    const listed = listSessionsOnNode(runtime);
    await vi.advanceTimersByTimeAsync(14_000);
    expect((await listed).sessions).toEqual([SESSION]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a signal ends the waiting with its reason, and the work", async () => {
    const silent = host([studio], never);
    const controller = new AbortController();
    const listed = listSessionsOnNode(silent.runtime, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(10);
    controller.abort(new Error("enough"));
    await expect(listed).rejects.toThrow("enough");
    expect(silent.calls[0]?.signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
    await expect(listSessionsOnNode(silent.runtime, { signal: controller.signal })).rejects.toThrow("enough");
  });
});
