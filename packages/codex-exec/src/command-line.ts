export interface CommandLineOptions {
  readonly threadId?: string | undefined;
  readonly model?: string | undefined;
  readonly images?: readonly string[];
  readonly extraArgs?: readonly string[] | undefined;
}

/**
 * The arguments of one turn. The prompt is not among them: on the argv one that begins with `-` is read as a flag, one
 * over 128 KiB can't be started on Linux, and every user of the machine sees it. `-` makes codex read it from stdin.
 */
export function commandLine(options: CommandLineOptions): string[] {
  const { threadId, model, images = [], extraArgs = [] } = options;
  return [
    "exec",
    // In front of the flags: `--image` takes what follows as more images, up to the next flag.
    ...images.map((path) => `--image=${path}`),
    "--json",
    "--skip-git-repo-check",
    "--dangerously-bypass-approvals-and-sandbox",
    ...(model === undefined ? [] : ["--model", model]),
    ...extraArgs,
    // Behind the flags: `resume` knows fewer of them than `exec` (no `-s`, `-C` or `--add-dir`; seen in 0.135.0 and 0.169.0).
    ...(threadId === undefined ? [] : ["resume", threadId]),
    "-",
  ];
}
