import { permissionsIn, type SandboxMode } from "@plexum/codex-turn";

export interface CommandLineOptions {
  readonly threadId?: string | undefined;
  readonly model?: string | undefined;
  readonly effort?: string | undefined;
  readonly sandbox?: SandboxMode | undefined;
  readonly images?: readonly string[];
  readonly extraArgs?: readonly string[] | undefined;
}

/**
 * Returns the arguments of one turn. The prompt is not among them: as an argument, a prompt that begins with `-` is read as a
 * flag, one over 128 KiB can't be passed on Linux, and every user of the machine can see it. `-` makes codex read it from stdin.
 */
export function commandLine(options: CommandLineOptions): string[] {
  const { threadId, model, effort, sandbox = "danger-full-access", images = [], extraArgs = [] } = options;
  return [
    "exec",
    // Before the flags: `--image` reads what follows as more images, up to the next flag.
    ...images.map((path) => `--image=${path}`),
    "--json",
    "--skip-git-repo-check",
    ...permissionArgs(sandbox, extraArgs),
    ...(model === undefined ? [] : ["--model", model]),
    ...extraArgs,
    // The last of two settings wins, and the effort of this turn is more specific.
    ...(effort === undefined ? [] : ["-c", `model_reasoning_effort=${JSON.stringify(effort)}`]),
    // After the flags: `resume` accepts fewer of them than `exec` (no `-s`, `-C` or `--add-dir`; seen in 0.135.0 and 0.169.0).
    ...(threadId === undefined ? [] : ["resume", threadId]),
    "-",
  ];
}

/** Returns no flag that the extra arguments already set: codex accepts neither flag twice. */
function permissionArgs(sandbox: SandboxMode, extraArgs: readonly string[]): string[] {
  const { chooseSandbox, chooseApprovals } = permissionsIn(extraArgs);
  if (chooseSandbox) return [];
  if (sandbox === "danger-full-access" && !chooseApprovals) return ["--dangerously-bypass-approvals-and-sandbox"];
  return ["--sandbox", sandbox];
}
