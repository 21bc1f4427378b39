import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { since, testedCodexes } from "@plexum/codex-versions";
import type { HostToolCall, StreamRequest } from "@plexum/plugin-sdk";
import { newestCodex } from "@plexum/real-codex";
import {
  answer,
  functionCall,
  httpError,
  type ModelRequest,
  type Reply,
  ScriptedModel,
  say,
  shell,
} from "@plexum/scripted-model";
import { describe, expect, test } from "vitest";
import { byEachTransport, Harness, turn, user } from "./harness.ts";

/** Returns all developer messages to the model. */
const instructionsOf = ({ input }: ModelRequest): string =>
  JSON.stringify(input.filter(({ role }) => role === "developer"));

/** Whether codex refuses to change a thread's model provider. */
const keepsProvider = since("0.166.0");

const countOf = (text: string, part: string) => text.split(part).length - 1;

describe.each(byEachTransport(testedCodexes()))("a turn on codex $version by $transport", (codex) => {
  test("has its own model and effort, or codex's if the host names none", async () => {
    await using harness = await Harness.create({
      codex,
      script: () => say("ok"),
      config: {
        model_args: { deep: { model: "gpt-5.5", effort: "high" }, quick: { effort: "low" }, other: "gpt-5.4" },
        extra_args: ["-c", 'model_reasoning_effort="medium"'],
      },
    });
    const plugin = await harness.plugin();
    const asked = async (model_id: string) => {
      await turn(plugin, harness.request("hi", { model_id }));
      const { model, reasoning } = harness.model.lastRequest.body as { model: string; reasoning?: { effort?: string } };
      return [model, reasoning?.effort];
    };
    // 0.135.0 requests no effort from a model that it does not know.
    const effort = (level: string) => (since("0.147.0")(codex) ? level : undefined);
    expect(await asked("codex")).toEqual(["gpt-5", effort("medium")]);
    expect(await asked("deep")).toEqual(["gpt-5.5", "high"]);
    expect(await asked("")).toEqual(["gpt-5", effort("medium")]);
    expect(await asked("quick")).toEqual(["gpt-5", effort("low")]);
    expect(await asked("other")).toEqual(["gpt-5.4", "medium"]);
    expect(await asked("gpt-9-unheard-of")).toEqual(["gpt-9-unheard-of", effort("medium")]);
    expect(await asked("codex")).toEqual(["gpt-5", effort("medium")]);
    // In the meantime, the user chooses another model.
    await harness.home.configure({ baseUrl: harness.model.baseUrl, model: "gpt-5.5" });
    expect(await asked("codex")).toEqual(["gpt-5.5", "medium"]);
    expect(await asked("deep")).toEqual(["gpt-5.5", "high"]);
  });

  test("continues its thread when the user chooses another model provider", async () => {
    await using harness = await Harness.create({ codex, script: () => say("first") });
    await using other = await ScriptedModel.start(() => say("second"));
    const plugin = await harness.plugin();
    expect((await turn(plugin, harness.request("hi"))).text).toBe("first");
    const path = join(harness.home.path, "config.toml");
    const toml = await readFile(path, "utf8");
    const table = /\[model_providers\.scripted\][^[]*/.exec(toml)?.[0] ?? "";
    const moved = table.replace("scripted", "other").replace(harness.model.baseUrl, other.baseUrl);
    await writeFile(path, `${toml.replace('model_provider = "scripted"', 'model_provider = "other"')}\n${moved}`);
    const { text, end } = await turn(plugin, harness.request("and now"));
    expect(end.stop_reason).toBe("end_turn");
    const warnings = harness.warnings().filter((warning) => warning.includes("model provider"));
    if (keepsProvider(codex)) {
      expect(text).toBe("first");
      expect(warnings).toEqual([expect.stringContaining('its own model provider "scripted"')]);
    } else {
      expect(text).toBe("second");
      expect(warnings).toEqual([]);
    }
    const [model] = text === "first" ? [harness.model] : [other];
    expect(model.lastRequest.userTexts).toEqual(expect.arrayContaining(["hi", "and now"]));
  });

  const WORKSPACE_ONLY = ["exclude_slash_tmp", "exclude_tmpdir_env_var"].flatMap((key) => [
    "-c",
    `sandbox_workspace_write.${key}=true`,
  ]);

  test.each<[name: string, config: Record<string, unknown>, writable: string[]]>([
    ["nothing", {}, ["workspace", "beside", "shared"]],
    ["the key", { sandbox: "workspace-write", extra_args: WORKSPACE_ONLY }, ["workspace"]],
    ["an argument over the key", { sandbox: "workspace-write", extra_args: ["-s=read-only"] }, []],
    [
      "a setting, with one more folder",
      { extra_args: ["-c", 'sandbox_mode = "workspace-write"', "--add-dir=../shared", ...WORKSPACE_ONLY] },
      ["workspace", "shared"],
    ],
    [
      "an argument for none over the key",
      { sandbox: "read-only", extra_args: ["--dangerously-bypass-approvals-and-sandbox"] },
      ["workspace", "beside", "shared"],
    ],
  ])("writes where the sandbox allows, chosen by %s, and the host's tools work", async (_name, config, writable) => {
    const calls: HostToolCall[] = [];
    const callTool = async (call: HostToolCall) => {
      calls.push(call);
      return { content: [{ type: "text", text: "looked" }] };
    };
    const script = ({ index, continuesTurn }: ModelRequest): Reply => {
      if (continuesTurn) return say("done");
      const folders = { workspace: ".", beside: "..", shared: "../shared" };
      const writes = Object.entries(folders).map(([name, folder]) => `echo x > ${folder}/${name}-${index}.txt`);
      return answer([
        shell(writes.join("; ")),
        functionCall("look", {}, { namespace: "mcp__plexum_host_alice", callId: `call_${index}` }),
      ]);
    };
    await using harness = await Harness.create({ codex, config, script });
    await mkdir(join(harness.folder, "shared"));
    const plugin = await harness.plugin({ callTool });
    const tools = [{ name: "look", description: "Looks", input_schema: { type: "object" } }];
    for (const index of [0, 2]) {
      const { end } = await turn(plugin, harness.request("go", { request: { messages: [user("go")], tools } }));
      expect(end.stop_reason).toBe("end_turn");
      const written = (await readdir(harness.folder, { recursive: true })).filter((name) =>
        name.endsWith(`-${index}.txt`),
      );
      expect(written.map((name) => /(\w+)-\d+\.txt$/.exec(name)?.[1]).sort()).toEqual(writable.toSorted());
      expect(JSON.stringify(harness.model.lastRequest.outputsOf(`call_${index}`))).toContain("looked");
    }
    expect(calls).toHaveLength(2);
  });

  test("signs in by CODEX_API_KEY, and writes no auth.json", async () => {
    const env = { CODEX_API_KEY: "sk-of-the-environment" };
    const extra_args = ["-c", "model_providers.scripted.requires_openai_auth=true"];
    await using harness = await Harness.create({ codex, script: () => say("ok"), config: { extra_args }, env });
    const plugin = await harness.plugin();
    for (let i = 0; i < 2; i++) {
      expect((await turn(plugin, harness.request("hi"))).text).toBe("ok");
      expect(harness.model.lastRequest.headers.authorization).toBe("Bearer sk-of-the-environment");
    }
    await plugin.close();
    expect(await readdir(harness.home.path)).not.toContain("auth.json");
  });
});

/** Trust decisions about the workspace, and whether codex should use the workspace's `.codex`. */
const TRUST: [
  name: string,
  trusted: string | undefined,
  untrusted: string | undefined,
  isRepository: boolean,
  loads: boolean,
][] = [
  ["no one has decided about", undefined, undefined, false, false],
  ["the user trusts", "workspace", undefined, false, true],
  ["is in a folder that the user trusts", ".", undefined, false, false],
  ["is in a repository that the user trusts", ".", undefined, true, true],
  ["the user does not trust, in a repository that the user trusts", ".", "workspace", true, false],
];

// Up to 0.167 codex exec itself trusts any folder that it runs in, and records that.
const thatAsk = byEachTransport(testedCodexes()).filter(
  (codex) => codex.transport === "app-server" || since("0.168.0")(codex),
);

test.each(thatAsk)(
  "codex $version by $transport loads a workspace's config as it does for the user, whose own config stays unchanged",
  async (codex) => {
    const seen: Record<string, unknown> = {};
    for (const [name, trusted, untrusted, isRepository] of TRUST) {
      await using harness = await Harness.create({ codex, script: () => say("ok") });
      const { folder, workspace, home, model } = harness;
      const decision = (path: string | undefined, level: string) =>
        path === undefined ? "" : `[projects.${JSON.stringify(join(folder, path))}]\ntrust_level = "${level}"\n`;
      const config = decision(trusted, "trusted") + decision(untrusted, "untrusted");
      await home.configure({ baseUrl: model.baseUrl, config });
      if (isRepository) await promisify(execFile)("git", ["init", "--quiet"], { cwd: folder });
      await mkdir(join(workspace, ".codex"), { recursive: true });
      await writeFile(join(workspace, ".codex/config.toml"), 'model = "gpt-5.5"\ndeveloper_instructions = "OBEY"\n');
      const toml = () => readFile(join(home.path, "config.toml"), "utf8");
      const before = await toml();
      const plugin = await harness.plugin();
      const requests: unknown[] = [];
      for (let i = 0; i < 2; i++) {
        await turn(plugin, harness.request("hi"));
        requests.push([model.lastRequest.body.model, instructionsOf(model.lastRequest).includes("OBEY")]);
      }
      seen[name] = [...requests, (await toml()) === before];
    }
    const expected = TRUST.map(([name, , , , loads]) => {
      const request = [loads ? "gpt-5.5" : "gpt-5", loads];
      return [name, [request, request, true]];
    });
    expect(seen).toEqual(Object.fromEntries(expected));
  },
);

describe.each(testedCodexes())("the host's system prompt on codex $version", (codex) => {
  const onAppServer = { ...codex, transport: "app-server" as const };

  const withSystem = (harness: Harness, system: string | undefined, prompt = "hi"): StreamRequest =>
    harness.request(prompt, {
      request: { messages: [user(prompt)], ...(system === undefined ? {} : { system }) },
    });

  /** Returns the prompts that the model sees, in order. */
  const seenBy = (request: ModelRequest) =>
    [...instructionsOf(request).matchAll(/<plexum_system>(.*?)<\/plexum_system>/g)].map(([, value]) => value);

  test("is passed once, and again when it changes, even after a restart or a failed turn", async () => {
    const script = ({ prompt }: ModelRequest) =>
      prompt === "fail" ? httpError(400, { error: { message: "no" } }) : say("ok");
    await using harness = await Harness.create({ codex: onAppServer, script });
    let plugin = await harness.plugin();
    const seen = async (system: string | undefined, prompt?: string) => {
      await turn(plugin, withSystem(harness, system, prompt));
      return seenBy(harness.model.lastRequest);
    };
    expect(await seen(undefined)).toEqual([]);
    expect(await seen("Be brief.", "fail")).toEqual(["Be brief."]);
    expect(await seen("Be brief.")).toEqual(["Be brief."]);
    expect(await seen("Be brief.")).toEqual(["Be brief."]);
    await plugin.close();
    plugin = await harness.plugin();
    expect(await seen("Be brief.")).toEqual(["Be brief."]);
    expect(await seen("Be long.")).toEqual(["Be brief.", "Be long."]);
    expect(await seen("Be brief.")).toEqual(["Be brief.", "Be long.", "Be brief."]);
    // An empty prompt shows the model that the last one no longer applies.
    expect(await seen(undefined)).toEqual(["Be brief.", "Be long.", "Be brief.", ""]);
    expect(await seen("")).toEqual(["Be brief.", "Be long.", "Be brief.", ""]);
    await plugin.close();
    await harness.home.forgetThreads();
    plugin = await harness.plugin();
    expect(await seen("Be brief.")).toEqual(["Be brief."]);
  });

  test("is passed again after a compaction removes it, and to a thread that codex exec started", async () => {
    const script = ({ prompt, continuesTurn }: ModelRequest) => {
      if (prompt === "long" && !continuesTurn) return answer([shell("echo looked")], { input: 9000, output: 10 });
      return say("done", { input: 100, output: 10 });
    };
    await using harness = await Harness.create({ codex: { ...codex, transport: "exec" }, script });
    await turn(await harness.plugin(), withSystem(harness, "Be brief."));
    expect(seenBy(harness.model.lastRequest)).toEqual([]);
    const extra_args = ["-c", "model_auto_compact_token_limit=5000"];
    await harness.configure({ binary: codex.path, transport: "app-server", extra_args });
    const plugin = await harness.plugin();
    await turn(plugin, withSystem(harness, "Be brief.", "go"));
    expect(seenBy(harness.model.lastRequest)).toEqual(["Be brief."]);
    await turn(plugin, withSystem(harness, "Be brief.", "long"));
    const rollouts = (await readdir(join(harness.home.path, "sessions"), { recursive: true })).filter((name) =>
      name.endsWith(".jsonl"),
    );
    const rollout = await readFile(join(harness.home.path, "sessions", rollouts[0] ?? ""), "utf8");
    expect(countOf(rollout, '"type":"compacted"')).toBe(1);
    for (const prompt of ["go on", "and on"]) {
      await turn(plugin, withSystem(harness, "Be brief.", prompt));
      expect(seenBy(harness.model.lastRequest)).toEqual(["Be brief."]);
    }
  });
});

describe("arguments that codex app-server does not support", () => {
  const extra_args = ["--color", "never"];

  test("make turns run by exec, with one warning", async () => {
    await using harness = await Harness.create({ codex: newestCodex, config: { extra_args }, script: () => say("ok") });
    const plugin = await harness.plugin();
    for (let i = 0; i < 2; i++) expect((await turn(plugin, harness.request("hi"))).text).toBe("ok");
    expect(harness.warnings().filter((warning) => warning.includes("--color"))).toHaveLength(1);
    const started = harness.logs.filter(({ fields }) => fields.transport !== undefined);
    expect(started.map(({ fields }) => fields.transport)).toEqual(["exec", "exec"]);
  });

  test("are refused in a config that requires app-server", async () => {
    const config = { extra_args, transport: "app-server" };
    await using harness = await Harness.create({ codex: newestCodex, config });
    await expect(harness.plugin()).rejects.toThrow(/config\.json: "extra_args" has --color/);
  });
});

test.each(byEachTransport(testedCodexes()))(
  "a message with only an image is accepted on codex $version by app-server, and refused by exec: $transport",
  async (codex) => {
    await using harness = await Harness.create({ codex, script: () => say("a dot") });
    const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const image = { type: "image" as const, data_base64: png, media_type: "image/png" };
    const plugin = await harness.plugin();
    for (const content of [[image], [{ type: "text" as const, text: " \n" }, image]]) {
      const asked = turn(plugin, harness.request([{ role: "user", content }]));
      if (codex.transport === "exec") {
        await expect(asked).rejects.toMatchObject({ data: { code: "no_user_text" } });
        continue;
      }
      expect((await asked).text).toBe("a dot");
      expect(JSON.stringify(harness.model.lastRequest.input.at(-1))).toContain("input_image");
    }
    expect(existsSync(harness.workspace)).toBe(codex.transport === "app-server");
  },
);
