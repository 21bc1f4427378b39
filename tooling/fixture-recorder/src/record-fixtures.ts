/**
 * Records fixtures/codex-exec-stream again: every case with the oldest and the newest supported codex, against the
 * scripted model. `node record-fixtures.ts [part of a case's name]` records the cases that match.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEvents } from "@plexum/codex-jsonl";
import { oldestCodex } from "@plexum/codex-versions";
import { CodexHome, newestCodex } from "@plexum/real-codex";
import { type Reply, ScriptedModel } from "@plexum/scripted-model";
import { FIXTURE_CASES, type FixtureCase } from "./fixture-cases.ts";

const FIXTURES = fileURLToPath(new URL("../../../fixtures/codex-exec-stream/", import.meta.url));
const MCP_SERVER = fileURLToPath(new URL("./fixture-mcp-server.ts", import.meta.url));
const MCP_CONFIG = `[mcp_servers.fixture-tools]
command = ${JSON.stringify(process.execPath)}
args = [${JSON.stringify(MCP_SERVER)}]
required = true
`;

/** The time limit of one turn. */
const TURN_LIMIT_MS = 60_000;

const wanted = process.argv[2] ?? "";
for (const [age, codex] of Object.entries({ oldest: oldestCodex, newest: newestCodex })) {
  for (const [name, fixture] of Object.entries(FIXTURE_CASES)) {
    const folder = `${codex.version}-${name}`;
    if (!folder.includes(wanted) || (fixture.only ?? age) !== age) continue;
    const { stdout, exitCode } = await record(codex.path, fixture);
    await save(folder, fixture.shows, stdout, codex.version, exitCode);
    console.log(`${folder}: ${stdout.length} bytes, exit code ${exitCode}`);
  }
}

interface Recording {
  readonly stdout: string;
  readonly exitCode: number | null;
}

async function record(codex: string, fixture: FixtureCase): Promise<Recording> {
  const { model, retries, withMcpServer } = fixture;
  await using server = await ScriptedModel.start();
  await using home = await CodexHome.create({
    baseUrl: server.baseUrl,
    config: withMcpServer ? MCP_CONFIG : "",
    ...(model === undefined ? {} : { model }),
    ...(retries === undefined ? {} : { retries }),
  });
  const workspace = await realpath(await mkdtemp(join(tmpdir(), "codex-workspace-")));
  try {
    const turn = async (replies: readonly Reply[], prompt: string, resume?: string) => {
      server.play(replies);
      return run(codex, fixture, { cwd: workspace, env: home.env, prompt, resume });
    };
    let threadId: string | undefined;
    if (fixture.earlierTurn !== undefined) {
      threadId = threadIdOf((await turn(fixture.earlierTurn, "Take a note.")).stdout);
    }
    const { stdout, exitCode } = await turn(fixture.replies, "Do what the script says.", threadId);
    const scrubbed = stdout
      .replaceAll(workspace, "/workspace")
      .replaceAll(home.path, "/codex-home")
      .replaceAll(new URL(server.baseUrl).host, "127.0.0.1:8080")
      .replaceAll(threadIdOf(stdout), "01900000-0000-7000-8000-000000000001");
    return { stdout: scrubbed, exitCode };
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

interface Turn {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly prompt: string;
  readonly resume: string | undefined;
}

async function run(codex: string, fixture: FixtureCase, { cwd, env, prompt, resume }: Turn): Promise<Recording> {
  const args = ["exec", "--json", "--skip-git-repo-check"];
  if (!fixture.withApprovals) args.push("--dangerously-bypass-approvals-and-sandbox");
  if (resume !== undefined) args.push("resume", resume);
  const child = spawn(codex, [...args, "-"], { cwd, env, stdio: ["pipe", "pipe", "ignore"], timeout: TURN_LIMIT_MS });
  child.stdin.end(prompt);
  let stdout = "";
  let interruptAt = fixture.interruptAt;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (interruptAt === undefined || !stdout.includes(interruptAt)) return;
    interruptAt = undefined;
    child.kill("SIGINT");
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  return { stdout, exitCode };
}

function threadIdOf(stdout: string): string {
  const id = /"thread_id":"([^"]+)"/.exec(stdout)?.[1];
  if (id === undefined) throw new Error(`codex started no thread; its stdout: ${stdout}`);
  return id;
}

async function save(folder: string, shows: string, stdout: string, version: string, exitCode: number | null) {
  const path = join(FIXTURES, folder);
  const results = [];
  for await (const result of parseEvents([Buffer.from(stdout)])) results.push(result);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "stdout.jsonl"), stdout);
  await writeFile(join(path, "expected.json"), `${JSON.stringify(results, undefined, 2)}\n`);
  await writeFile(
    join(path, "README.md"),
    `# codex ${version}: ${folder.slice(version.length + 1)}\n\n${shows} Exit code ${exitCode}.\n`,
  );
}
