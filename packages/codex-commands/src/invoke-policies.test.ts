import { describe, expect, test, vi } from "vitest";
import { createInvokePolicies, type InvokePolicyContext } from "./invoke-policies.ts";

const ID = "0199a213-81c0-7800-8aa1-bbab2a035a53";
const [listPolicy, resumePolicy] = createInvokePolicies();

function call(params: unknown, answer?: () => Promise<{ id?: string; decision?: string | null }>) {
  const invokeNode = vi.fn(async () => ({ ok: true as const, payload: "ran" }));
  const request = vi.fn(answer);
  const context: InvokePolicyContext = {
    nodeId: "node-1",
    command: "codex.cli.session.resume",
    params,
    node: { displayName: "Studio" },
    invokeNode,
    ...(answer === undefined ? {} : { approvals: { request } }),
  };
  return { context, invokeNode, request };
}

test("a list is forwarded, and allowed by default on the three platforms", async () => {
  const { context, invokeNode, request } = call({});
  expect(listPolicy.commands).toEqual(["codex.cli.sessions.list"]);
  expect(listPolicy.defaultPlatforms).toEqual(["macos", "linux", "windows"]);
  expect(listPolicy.dangerous).toBeUndefined();
  expect(await listPolicy.handle(context)).toEqual({ ok: true, payload: "ran" });
  expect(invokeNode).toHaveBeenCalledOnce();
  expect(request).not.toHaveBeenCalled();
});

describe("a resume", () => {
  const params = { sessionId: ID, prompt: "tidy up" };

  test("is dangerous, and not allowed by default on any platform", () => {
    expect(resumePolicy).toMatchObject({ commands: ["codex.cli.session.resume"], dangerous: true });
    expect(resumePolicy.defaultPlatforms).toBeUndefined();
  });

  test("runs after someone has allowed it once", async () => {
    const { context, invokeNode, request } = call(params, async () => ({ id: "a1", decision: "allow-once" }));
    expect(await resumePolicy.handle(context)).toEqual({ ok: true, payload: "ran" });
    expect(invokeNode).toHaveBeenCalledOnce();
    expect(request).toHaveBeenCalledExactlyOnceWith({
      title: "Resume a codex session on Studio",
      description: `Codex runs without approvals or sandbox in session ${ID}. Prompt (7 characters): tidy up`,
      severity: "critical",
      toolName: "codex.cli.session.resume",
      allowedDecisions: ["allow-once", "deny"],
    });
  });

  test.each<[string, (() => Promise<{ id?: string; decision?: string | null }>) | undefined, object]>([
    ["denied", async () => ({ id: "a1", decision: "deny" }), { approvalId: "a1", decision: "deny" }],
    [
      "allowed forever",
      async () => ({ id: "a1", decision: "allow-always" }),
      { approvalId: "a1", decision: "allow-always" },
    ],
    ["left without a decision", async () => ({ id: "a1", decision: null }), { approvalId: "a1", decision: null }],
    ["answered with nothing", async () => ({}), { approvalId: null, decision: null }],
    ["with nobody to ask", undefined, { approvalId: null, decision: null }],
    ["where asking fails", () => Promise.reject(new Error("no")), { approvalId: null, decision: null }],
    [
      "where asking throws",
      () => {
        throw new Error("no");
      },
      { approvalId: null, decision: null },
    ],
  ])("%s: nothing is invoked", async (_name, answer, details) => {
    const { context, invokeNode } = call(params, answer);
    expect(await resumePolicy.handle(context)).toEqual({
      ok: false,
      code: "PLUGIN_APPROVAL_REQUIRED",
      message: expect.stringContaining("after someone has approved it"),
      details,
    });
    expect(invokeNode).not.toHaveBeenCalled();
  });

  test("says so if the host can't ask anyone", async () => {
    const unasked = await resumePolicy.handle(call(params).context);
    expect(unasked).toMatchObject({ message: expect.stringContaining("resume the session on the node itself") });
    const denied = await resumePolicy.handle(call(params, async () => ({ decision: "deny" })).context);
    expect(denied).toMatchObject({ message: expect.not.stringContaining("the node itself") });
  });

  test.each<[string, object, string[] | undefined]>([
    ["an agent, on a node that declares nothing", { agentId: "research" }, undefined],
    ["a home, on a node with other capabilities", { sourceHomeId: "f00d" }, ["codex-cli-sessions", "codex-cli"]],
    ["both, on a node with none", { agentId: "", sourceHomeId: "" }, []],
    ["null for an agent", { agentId: null }, ["system"]],
  ])("that names %s: refused before anyone is asked", async (_name, named, caps) => {
    const { context, invokeNode, request } = call({ ...params, ...named }, async () => ({ decision: "allow-once" }));
    const node = { displayName: "Studio", ...(caps === undefined ? {} : { caps }) };
    expect(await resumePolicy.handle({ ...context, node })).toEqual({
      ok: false,
      code: "CODEX_NODE_SOURCE_UNAVAILABLE",
      message: expect.stringContaining("Update the node"),
    });
    expect(request).not.toHaveBeenCalled();
    expect(invokeNode).not.toHaveBeenCalled();
  });

  test("that names a home runs on a node that can choose it, after someone has approved it", async () => {
    const node = { displayName: "Studio", caps: ["camera", "codex-cli-session-source"] };
    const named = { ...params, agentId: "research", sourceHomeId: "f00d" };
    const allowed = call(named, async () => ({ decision: "allow-once" }));
    expect(await resumePolicy.handle({ ...allowed.context, node })).toEqual({ ok: true, payload: "ran" });
    const unasked = call(named);
    expect(await resumePolicy.handle({ ...unasked.context, node })).toMatchObject({ code: "PLUGIN_APPROVAL_REQUIRED" });
    expect(unasked.invokeNode).not.toHaveBeenCalled();
  });

  test.each([
    [
      "long and hostile",
      { sessionId: "x".repeat(500), prompt: `\u202e\u001b[2J\n${"y".repeat(1e6)}`, cwd: "z\n".repeat(500) },
    ],
    ["of the wrong types", { sessionId: 5, prompt: [], cwd: {} }],
    ["absent", undefined],
    ["null", null],
    ["a number", 5],
  ])("asks for approval in one line within the host's limits: parameters %s", async (_name, odd) => {
    const { context, request } = call({}, async () => ({}));
    await resumePolicy.handle({ ...context, node: { displayName: "😀\n".repeat(100) }, params: odd });
    const asked = request.mock.calls[0] as unknown as [{ title: string; description: string }];
    expect(asked[0].title.length).toBeLessThanOrEqual(80);
    expect(asked[0].description.length).toBeLessThanOrEqual(256);
    expect(asked[0].title + asked[0].description).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect((asked[0].title + asked[0].description).isWellFormed()).toBe(true);
  });
});
