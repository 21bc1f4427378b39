/** What the model's commands may do: the names of codex's sandbox modes. */
export type SandboxMode = "danger-full-access" | "workspace-write" | "read-only";

const SANDBOXES: ReadonlySet<string> = new Set<SandboxMode>(["danger-full-access", "workspace-write", "read-only"]);

export const isSandboxMode = (text: string): text is SandboxMode => SANDBOXES.has(text);

/** What the arguments for `codex exec` set about permissions. */
export interface PermissionArgs {
  /** True if they choose a sandbox, including an unknown one, which codex rejects. */
  readonly chooseSandbox: boolean;
  /** True if they choose when codex asks for an approval. */
  readonly chooseApprovals: boolean;
}

const SANDBOX_FLAGS = /^(-s|--sandbox|--full-auto|--dangerously-bypass-approvals-and-sandbox|--yolo)$/;
const APPROVAL_FLAGS = /^(-a|--ask-for-approval|--dangerously-bypass-approvals-and-sandbox|--yolo)$/;

/** Finds out whether arguments for `codex exec` choose a sandbox or an approval policy. Their choice overrides any default. */
export function permissionsIn(args: readonly string[]): PermissionArgs {
  let [chooseSandbox, chooseApprovals] = [false, false];
  for (const [index, arg] of args.entries()) {
    const [flag, inline] = splitArgument(arg);
    chooseSandbox ||= SANDBOX_FLAGS.test(flag);
    chooseApprovals ||= APPROVAL_FLAGS.test(flag);
    if (flag !== "-c" && flag !== "--config") continue;
    const setting = inline ?? args[index + 1] ?? "";
    chooseSandbox ||= /^\s*(sandbox_mode|default_permissions)\s*=/.test(setting);
    chooseApprovals ||= /^\s*approval_policy\s*=/.test(setting);
  }
  return { chooseSandbox, chooseApprovals };
}

/** Splits `--flag=value`, `-fvalue` and `-f=value` in two. The value is undefined if it is a separate argument or missing. */
export function splitArgument(arg: string): [flag: string, value: string | undefined] {
  const [, long, longValue] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? [];
  if (long !== undefined) return [long, longValue];
  const [, short, shortValue] = /^(-[a-zA-Z])=?(.+)$/s.exec(arg) ?? [];
  if (short !== undefined && !arg.startsWith("--")) return [short, shortValue];
  return [arg, undefined];
}
