/** What the model's commands may do, in codex's words. */
export type SandboxMode = "danger-full-access" | "workspace-write" | "read-only";

const SANDBOXES: ReadonlySet<string> = new Set<SandboxMode>(["danger-full-access", "workspace-write", "read-only"]);

export const isSandboxMode = (text: string): text is SandboxMode => SANDBOXES.has(text);

/** What arguments for `codex exec` say about permissions. */
export interface PermissionArgs {
  /** Whether they choose a sandbox; an unknown one too, which codex will refuse. */
  readonly chooseSandbox: boolean;
  /** Whether they choose when codex asks for an approval. */
  readonly chooseApprovals: boolean;
}

const SANDBOX_FLAGS = /^(-s|--sandbox|--full-auto|--dangerously-bypass-approvals-and-sandbox|--yolo)$/;
const APPROVAL_FLAGS = /^(-a|--ask-for-approval|--dangerously-bypass-approvals-and-sandbox|--yolo)$/;

/** Finds what arguments for `codex exec` say about sandbox and approvals, which wins over any default. */
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

/** Splits `--flag=value`, `-fvalue` and `-f=value` in two. The value is undefined if it is an argument of its own, or there is none. */
export function splitArgument(arg: string): [flag: string, value: string | undefined] {
  const [, long, longValue] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? [];
  if (long !== undefined) return [long, longValue];
  const [, short, shortValue] = /^(-[a-zA-Z])=?(.+)$/s.exec(arg) ?? [];
  if (short !== undefined && !arg.startsWith("--")) return [short, shortValue];
  return [arg, undefined];
}
