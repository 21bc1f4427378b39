import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testedCodexes, unsupportedCodex } from "@plexum/codex-versions";
import { newestCodex } from "@plexum/real-codex";
import { httpError, type Reply, say } from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, Harness, turn } from "./harness.ts";

const serverError = (message: string, code: string) => ({ error: { message, code } });

describe.each(byEachTransport(testedCodexes()))("a turn that fails on codex $version by $transport", (codex) => {
  test.each<[name: string, code: string, advice: string, reply: Reply]>([
    [
      "not signed in",
      "not_signed_in",
      "codex login",
      httpError(401, serverError("Incorrect API key", "invalid_api_key")),
    ],
    [
      "a model that is refused",
      "model_refused",
      "choose another",
      httpError(404, serverError("The model `x` does not exist or you do not have access to it.", "model_not_found")),
    ],
    [
      "a model not for this account",
      "model_refused",
      "choose another",
      httpError(400, { detail: "The 'x' model is not supported when using Codex with a ChatGPT account." }),
    ],
    ["HTTP 429", "rate_limited", "wait", httpError(429, serverError("Rate limit reached", "rate_limit_exceeded"))],
    [
      "the plan's limit",
      "rate_limited",
      "wait",
      httpError(429, { error: { type: "usage_limit_reached", message: "x", plan_type: "plus" } }),
    ],
    [
      "a model at capacity",
      "model_overloaded",
      "choose another model",
      httpError(503, serverError("busy", "server_is_overloaded")),
    ],
    [
      "a plan without codex",
      "plan_required",
      "upgrade the plan",
      httpError(429, { error: { type: "usage_not_included", message: "x" } }),
    ],
    [
      "a network that Cloudflare blocks",
      "access_blocked",
      "use another network",
      httpError(403, "<html>Cloudflare: Sorry, you have been blocked</html>"),
    ],
    ["no more credits", "out_of_credits", "add some", httpError(402, serverError("Insufficient Balance", "x"))],
    ["a wrong address", "config_invalid", "base_url", httpError(404, "<html>nginx</html>")],
    ["HTTP 500", "server_error", "try again later", httpError(500)],
    ["HTTP 503", "server_error", "try again later", httpError(503)],
    [
      "a thread that is too long",
      "context_too_long",
      "new thread",
      httpError(400, serverError("Your input exceeds the context window of this model.", "context_length_exceeded")),
    ],
    ["a dropped stream", "connection_lost", "network", { kind: "drop" }],
  ])("%s: %s", async (_name, code, advice, reply) => {
    await using harness = await Harness.create({ codex, script: [reply] });
    const { end, error } = await turn(await harness.plugin(), harness.request("hi"));
    expect(end.stop_reason).toBe("error");
    expect(error).toMatchObject({ code, message: expect.stringContaining(advice) });
  });

  test("a successful retry is not an error", async () => {
    await using harness = await Harness.create({
      codex,
      home: { retries: 3 },
      script: [{ kind: "drop" }, say("made it")],
    });
    const { text, end, error } = await turn(await harness.plugin(), harness.request("hi"));
    expect({ text, stop: end.stop_reason, error }).toEqual({ text: "made it", stop: "end_turn", error: undefined });
  });
});

describe("codex can't be run", () => {
  async function refusal(binary: (folder: string) => Promise<string>) {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure({ binary: await binary(harness.folder) });
    return await turn(await harness.plugin(), harness.request("hi")).catch((error: unknown) => error);
  }

  test("because it is missing", async () => {
    expect(await refusal(async (folder) => join(folder, "codex"))).toMatchObject({
      data: { code: "binary_not_found" },
      message: expect.stringContaining("npm install -g @openai/codex"),
    });
    expect(await refusal(async () => "no-such-codex")).toMatchObject({ data: { code: "binary_not_found" } });
  });

  test("because it is not executable", async () => {
    const notExecutable = async (folder: string) => {
      const path = join(folder, "codex");
      await copyFile(newestCodex.shim, path);
      await chmod(path, 0o644);
      return path;
    };
    expect(await refusal(notExecutable)).toMatchObject({
      data: { code: "binary_not_executable" },
      message: expect.stringContaining("chmod +x"),
    });
    const aFolder = async (folder: string) => {
      await mkdir(join(folder, "codex"));
      return join(folder, "codex");
    };
    expect(await refusal(aFolder)).toMatchObject({ data: { code: "binary_not_executable" } });
  });

  test("because it is not codex", async () => {
    const notCodex = async (folder: string) => {
      const path = join(folder, "codex");
      await writeFile(path, "#!/bin/sh\necho something else\n", { mode: 0o755 });
      return path;
    };
    expect(await refusal(notCodex)).toMatchObject({ data: { code: "spawn_failed" } });
  });

  test("because it is too old", async () => {
    expect(await refusal(async () => unsupportedCodex.path)).toMatchObject({
      data: { code: "version_unsupported" },
      message: expect.stringContaining("0.100.0"),
    });
  });

  test("because the workspace can't exist", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    const file = join(harness.folder, "file");
    await writeFile(file, "");
    const request = { ...harness.request("hi"), agent: { agent_id: "alice", workspace: join(file, "workspace") } };
    await expect(turn(await harness.plugin(), request)).rejects.toMatchObject({ data: { code: "io" } });
  });
});

describe("the config", () => {
  test("npm's shim is skipped, and the config reaches codex", async () => {
    await using harness = await Harness.create({ codex: newestCodex, script: [say("a"), say("b"), say("c")] });
    await harness.configure({
      binary: newestCodex.shim,
      supported_models: ["codex", "fast"],
      model_args: { fast: "gpt-5.5" },
      surprise: 1,
    });
    const plugin = await harness.plugin();
    expect(plugin.manifest.contracts.provider?.models).toEqual(["codex", "fast"]);
    expect(harness.warnings().join()).toContain('"surprise"');
    const modelFor = async (model_id: string) => {
      await turn(plugin, harness.request("hi", { model_id }));
      return harness.model.lastRequest.body.model;
    };
    expect(await modelFor("")).toBe("gpt-5");
    expect(await modelFor("fast")).toBe("gpt-5.5");
    expect(await modelFor("gpt-9-unheard-of")).toBe("gpt-9-unheard-of");
    const started = harness.logs.filter(({ message }) => /^(codex started|turn on a kept codex)$/.test(message));
    expect(started.map(({ fields }) => fields.prompt_length)).toEqual([2, 2, 2]);
    expect(JSON.stringify(harness.logs)).not.toContain('"hi"');
  });

  test("may begin with a byte order mark, which some editors write", async () => {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure('\ufeff{"supported_models": ["fast"]}');
    expect((await harness.plugin()).manifest.contracts.provider?.models).toEqual(["fast"]);
  });

  test.each([
    ["{", "is not JSON"],
    ["[]", "must contain a JSON object"],
    ['{"binary": 1}', '"binary" must be a string'],
    ['{"extra_args": "-v"}', '"extra_args" must be a list of strings'],
    ['{"supported_models": []}', '"supported_models" must be a list of at least one'],
    ['{"model_args": {"a": 1}}', '"model_args" must be an object'],
    ['{"code_mode_tools": "both"}', '"code_mode_tools" must be "direct"'],
    ['{"timeout_ms": 0}', '"timeout_ms" must be a whole number'],
  ])("%s makes the handshake fail, naming the file and the fault", async (content, fault) => {
    await using harness = await Harness.create({ codex: newestCodex });
    await harness.configure(content);
    const error = (await harness.plugin().catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toContain("config.json");
    expect(error.message).toContain(fault);
  });
});
