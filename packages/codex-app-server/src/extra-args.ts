import { resolve } from "node:path";
import { isSandboxMode, type SandboxMode, splitArgument } from "@plexum/codex-turn";

/** What arguments that were meant for `codex exec` are to an app-server. */
export interface TranslatedArgs {
  /** For the process: codex takes them behind `app-server` too. */
  readonly processArgs: readonly string[];
  readonly sandbox: SandboxMode | undefined;
  readonly approvalPolicy: string | undefined;
  /** What the sandbox may write to besides the workspace, as given. */
  readonly writableRoots: readonly string[];
  /** Whether a new thread is not to be recorded. */
  readonly isEphemeral: boolean;
  /** The first argument that an app-server has nothing for. */
  readonly untranslatable: string | undefined;
}

/** Flags that change nothing about a turn on an app-server. */
const WITHOUT_EFFECT = new Set(["--skip-git-repo-check", "--json"]);

/** Translates arguments for `codex exec`. Never throws: what can't be translated is named in the result. */
export function translateArgs(args: readonly string[]): TranslatedArgs {
  const processArgs: string[] = [];
  const writableRoots: string[] = [];
  let sandbox: SandboxMode | undefined;
  let approvalPolicy: string | undefined;
  let isEphemeral = false;
  const rest = [...args];
  const stopAt = (untranslatable: string): TranslatedArgs => ({
    processArgs,
    sandbox,
    approvalPolicy,
    writableRoots,
    isEphemeral,
    untranslatable,
  });

  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [flag, inline] = splitArgument(arg);
    const value = () => inline ?? rest.shift();
    if (WITHOUT_EFFECT.has(flag)) continue;
    switch (flag) {
      case "-c":
      case "--config": {
        const setting = value();
        if (setting === undefined) return stopAt(arg);
        const chosen = settingOf(setting);
        // Given to each thread, where it also holds for one that was used with another sandbox before.
        if (chosen.key === "sandbox_mode" && isSandboxMode(chosen.text)) sandbox = chosen.text;
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
        if (mode === undefined || !isSandboxMode(mode)) return stopAt(arg);
        sandbox = mode;
        break;
      }
      case "--ephemeral":
        isEphemeral = true;
        break;
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
  return { processArgs, sandbox, approvalPolicy, writableRoots, isEphemeral, untranslatable: undefined };
}

/** `key=value` of a `-c`: a quoted TOML string without its quotes, any other value verbatim. */
function settingOf(setting: string): { key: string; text: string } {
  const at = setting.indexOf("=");
  const key = setting.slice(0, at).trim();
  const value = setting.slice(at + 1).trim();
  return { key, text: /^"[^"\\]*"$|^'[^']*'$/.test(value) ? value.slice(1, -1) : value };
}

/** Relative folders are meant from the workspace, where `codex exec` runs. */
export const absoluteRoots = (roots: readonly string[], workspace: string): string[] =>
  roots.map((root) => resolve(workspace, root));
