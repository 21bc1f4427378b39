import { resolve } from "node:path";
import type { SandboxMode } from "./wire.ts";

/** What arguments that were meant for `codex exec` are to an app-server. */
export interface TranslatedArgs {
  /** For the process: codex takes them behind `app-server` too. */
  readonly processArgs: readonly string[];
  readonly sandbox: SandboxMode | undefined;
  readonly approvalPolicy: string | undefined;
  /** What the sandbox may write to besides the workspace, as given. */
  readonly writableRoots: readonly string[];
  /** The first argument that an app-server has nothing for. */
  readonly untranslatable: string | undefined;
}

/** Flags that change nothing about a turn on an app-server. */
const WITHOUT_EFFECT = new Set(["--skip-git-repo-check", "--json"]);

const SANDBOXES: ReadonlySet<string> = new Set<SandboxMode>(["danger-full-access", "workspace-write", "read-only"]);

/** Translates arguments for `codex exec`. Never throws: what can't be translated is named in the result. */
export function translateArgs(args: readonly string[]): TranslatedArgs {
  const processArgs: string[] = [];
  const writableRoots: string[] = [];
  let sandbox: SandboxMode | undefined;
  let approvalPolicy: string | undefined;
  const rest = [...args];
  const stopAt = (untranslatable: string): TranslatedArgs => ({
    processArgs,
    sandbox,
    approvalPolicy,
    writableRoots,
    untranslatable,
  });

  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [flag, inline] = split(arg);
    const value = () => inline ?? rest.shift();
    if (WITHOUT_EFFECT.has(flag)) continue;
    switch (flag) {
      case "-c":
      case "--config": {
        const setting = value();
        if (setting === undefined) return stopAt(arg);
        const chosen = settingOf(setting);
        // Given to each thread, where it also holds for one that was used with another sandbox before.
        if (chosen.key === "sandbox_mode" && SANDBOXES.has(chosen.text)) sandbox = chosen.text as SandboxMode;
        else if (chosen.key === "approval_policy" && /^[a-z-]+$/.test(chosen.text)) approvalPolicy = chosen.text;
        else processArgs.push("-c", setting);
        break;
      }
      case "-m":
      case "--model": {
        const model = value();
        if (model === undefined) return stopAt(arg);
        processArgs.push("-c", `model=${JSON.stringify(model)}`);
        break;
      }
      case "--enable":
      case "--disable": {
        const feature = value();
        if (feature === undefined) return stopAt(arg);
        processArgs.push(flag, feature);
        break;
      }
      case "--strict-config":
        processArgs.push(flag);
        break;
      case "-s":
      case "--sandbox": {
        const mode = value();
        if (mode === undefined || !SANDBOXES.has(mode)) return stopAt(arg);
        sandbox = mode as SandboxMode;
        break;
      }
      case "--full-auto":
        sandbox = "workspace-write";
        break;
      case "--dangerously-bypass-approvals-and-sandbox":
      case "--yolo":
        sandbox = "danger-full-access";
        approvalPolicy = "never";
        break;
      case "--add-dir": {
        const folder = value();
        if (folder === undefined) return stopAt(arg);
        writableRoots.push(folder);
        break;
      }
      default:
        return stopAt(arg);
    }
  }
  return { processArgs, sandbox, approvalPolicy, writableRoots, untranslatable: undefined };
}

/** `--flag=value`, `-fvalue` and `-f=value` in two parts. */
function split(arg: string): [flag: string, value: string | undefined] {
  const [, long, longValue] = /^(--[^=]+)=(.*)$/s.exec(arg) ?? [];
  if (long !== undefined) return [long, longValue];
  const [, short, shortValue] = /^(-[a-zA-Z])=?(.+)$/s.exec(arg) ?? [];
  if (short !== undefined && !arg.startsWith("--")) return [short, shortValue];
  return [arg, undefined];
}

/** `key=value` of a `-c`: the value as TOML's strings have it, or as it stands. */
function settingOf(setting: string): { key: string; text: string } {
  const at = setting.indexOf("=");
  const key = setting.slice(0, at).trim();
  const value = setting.slice(at + 1).trim();
  return { key, text: /^"[^"\\]*"$|^'[^']*'$/.test(value) ? value.slice(1, -1) : value };
}

/** Relative folders are meant from the workspace, where `codex exec` runs. */
export const absoluteRoots = (roots: readonly string[], workspace: string): string[] =>
  roots.map((root) => resolve(workspace, root));
