import { type CodexProbe, probeCodex } from "@plexum/codex-turn";
import type { Manifest } from "@plexum/plugin-sdk";
import { type Installation, profileRoot, readInstallation } from "@plexum/profile";
import { codexHomeOf } from "@plexum/session-store";
import { type Config, defaultConfig, type LoadedConfig, loadConfig } from "../config.ts";
import { PLUGIN_NAME } from "../name.ts";
import { startInstalled } from "./start-installed.ts";

/** What several checks need. Each is read once. */
export class Context {
  readonly env: NodeJS.ProcessEnv;
  #loaded: Promise<LoadedConfig> | undefined;
  #codex: Promise<CodexProbe> | undefined;
  #installation: Promise<Installation> | undefined;
  #installedManifest: Promise<Manifest> | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  /** @throws if the config can't be read. */
  loadedConfig(): Promise<LoadedConfig> {
    this.#loaded ??= loadConfig(this.env);
    return this.#loaded;
  }

  /** The config, or the defaults if it can't be read, so that the other checks still run. */
  config(): Promise<Config> {
    return this.loadedConfig().then(
      ({ config }) => config,
      () => defaultConfig(),
    );
  }

  /** @throws if it can't be read. */
  installation(): Promise<Installation> {
    this.#installation ??= readInstallation(profileRoot(this.env), PLUGIN_NAME);
    return this.#installation;
  }

  /** The manifest that the installed plugin reports. @throws if it doesn't start. */
  installedManifest(): Promise<Manifest> {
    this.#installedManifest ??= this.installation().then(({ folder }) => startInstalled(folder, profileRoot(this.env)));
    return this.#installedManifest;
  }

  /** @throws CodexTurnError if it isn't found or doesn't answer. */
  codex(): Promise<CodexProbe> {
    this.#codex ??= this.config().then(({ binary }) => probeCodex({ binary, env: this.env }));
    return this.#codex;
  }

  /** @throws if this user's home is unknown. */
  get codexHome(): string {
    return codexHomeOf(this.env);
  }
}
