import { type CodexProbe, probeCodex } from "@plexum/codex-exec";
import { codexHomeOf } from "@plexum/session-store";
import { type Config, defaultConfig, type LoadedConfig, loadConfig } from "../config.ts";

/** What several checks need, each found out once. */
export class Context {
  readonly env: NodeJS.ProcessEnv;
  #loaded: Promise<LoadedConfig> | undefined;
  #codex: Promise<CodexProbe> | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** @throws if the config can't be read. */
  loadedConfig(): Promise<LoadedConfig> {
    this.#loaded ??= loadConfig(this.env);
    return this.#loaded;
  }

  /** The defaults where there is none that can be read: what else is wrong is found all the same. */
  config(): Promise<Config> {
    return this.loadedConfig().then(
      ({ config }) => config,
      () => defaultConfig(),
    );
  }

  /** @throws CodexExecError if it isn't found or doesn't answer. */
  codex(): Promise<CodexProbe> {
    this.#codex ??= this.config().then(({ binary }) => probeCodex({ binary, env: this.env }));
    return this.#codex;
  }

  /** @throws if nobody knows this user's home. */
  get codexHome(): string {
    return codexHomeOf(this.env);
  }
}
