import { resolve } from "node:path";
import { isSandboxMode, type SandboxMode, splitArgument } from "@plexum/codex-turn";

/** Arguments for `codex exec`, translated for an app-server. */
export interface TranslatedArgs {
  /** Arguments for the process: codex accepts them after `app-server` too. */
  readonly processArgs: readonly string[];
  readonly sandbox: SandboxMode | undefined;
  readonly approvalPolicy: string | undefined;
  /** Folders that the sandbox may write to besides the workspace, as given. */
  readonly writableRoots: readonly string[];
  /** Whether codex should not record a new thread. */
  readonly isEphemeral: boolean;
  /** The first argument that has no equivalent on an app-server. */
  readonly untranslatable: string | undefined;
}

type Translation = { -readonly [Key in keyof TranslatedArgs]: TranslatedArgs[Key] } & {
  readonly processArgs: string[];
  readonly writableRoots: string[];
};

/** Flags without a value. */
const SWITCHES = new Map<string, (to: Translation, flag: string) => void>([
  // These change nothing about a turn on an app-server.
  ["--skip-git-repo-check", () => {}],
  ["--json", () => {}],
  ["--strict-config", (to, flag) => to.processArgs.push(flag)],
  ["--ephemeral", doNotRecord],
  ["--full-auto", (to) => void translateSandbox(to, "workspace-write")],
  ["--dangerously-bypass-approvals-and-sandbox", bypass],
  ["--yolo", bypass],
]);

/** Flags with a value. Each returns false if it can't translate the value. */
const OPTIONS = new Map<string, (to: Translation, value: string, flag: string) => boolean>([
  ["-c", translateSetting],
  ["--config", translateSetting],
  ["-m", translateModel],
  ["--model", translateModel],
  ["--enable", translateFeature],
  ["--disable", translateFeature],
  ["-s", translateSandbox],
  ["--sandbox", translateSandbox],
  ["--add-dir", translateFolder],
]);

/** Translates arguments for `codex exec`. Never throws: the result names the first argument that can't be translated. */
export function translateArgs(args: readonly string[]): TranslatedArgs {
  const to: Translation = {
    processArgs: [],
    sandbox: undefined,
    approvalPolicy: undefined,
    writableRoots: [],
    isEphemeral: false,
    untranslatable: undefined,
  };
  const rest = args.values();
  for (const arg of rest) {
    const [flag, inline] = splitArgument(arg);
    const applySwitch = SWITCHES.get(flag);
    if (applySwitch !== undefined) {
      applySwitch(to, flag);
      continue;
    }
    const translate = OPTIONS.get(flag);
    const value = translate === undefined ? undefined : (inline ?? rest.next().value);
    if (value === undefined || translate?.(to, value, flag) !== true) return { ...to, untranslatable: arg };
  }
  return to;
}

function doNotRecord(to: Translation): void {
  to.isEphemeral = true;
}

function bypass(to: Translation): void {
  to.sandbox = "danger-full-access";
  to.approvalPolicy = "never";
}

function translateSetting(to: Translation, setting: string): boolean {
  const { key, text } = settingOf(setting);
  // These are passed to each thread, where they also apply to a thread that used another sandbox before.
  if (key === "sandbox_mode" && isSandboxMode(text)) to.sandbox = text;
  else if (key === "approval_policy" && /^[a-z-]+$/.test(text)) to.approvalPolicy = text;
  else to.processArgs.push("-c", setting);
  return true;
}

function translateModel(to: Translation, model: string): boolean {
  to.processArgs.push("-c", `model=${JSON.stringify(model)}`);
  return true;
}

function translateFeature(to: Translation, feature: string, flag: string): boolean {
  to.processArgs.push(flag, feature);
  return true;
}

function translateSandbox(to: Translation, mode: string): boolean {
  if (!isSandboxMode(mode)) return false;
  to.sandbox = mode;
  return true;
}

function translateFolder(to: Translation, folder: string): boolean {
  to.writableRoots.push(folder);
  return true;
}

/** Splits the `key=value` of a `-c`: a quoted TOML string without its quotes, any other value verbatim. */
function settingOf(setting: string): { key: string; text: string } {
  const at = setting.indexOf("=");
  const key = setting.slice(0, at).trim();
  const value = setting.slice(at + 1).trim();
  return { key, text: /^"[^"\\]*"$|^'[^']*'$/.test(value) ? value.slice(1, -1) : value };
}

/** Resolves relative folders against the workspace, where `codex exec` runs. */
export const absoluteRoots = (roots: readonly string[], workspace: string): string[] =>
  roots.map((root) => resolve(workspace, root));
