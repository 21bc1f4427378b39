export interface LauncherOptions {
  /** The plugin's name, for the comment. */
  readonly name: string;
  /** An absolute path, like the two below: a service can't rely on a shell's PATH or a home folder. */
  readonly node: string;
  readonly main: string;
  readonly profile: string;
}

/**
 * Returns the executable that a host starts: a script that runs Node on the plugin's program, whatever PATH it gets. It
 * passes the profile to the plugin in `PLEXUM_PROFILE_ROOT`, unless the host sets that itself.
 */
export function launcherScript(options: LauncherOptions, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" ? batchFile(options) : shellScript(options);
}

/** Uses only built-ins of every `sh`. */
function shellScript({ name, node, main, profile }: LauncherOptions): string {
  return `#!/bin/sh
# Starts the Plexum plugin ${name}. Its install command writes this file and overwrites changes to it.
if [ -z "$PLEXUM_PROFILE_ROOT" ]; then PLEXUM_PROFILE_ROOT=${quote(profile)}; export PLEXUM_PROFILE_ROOT; fi
exec ${quote(node)} ${quote(main)} "$@"
`;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Not tested on Windows. */
function batchFile({ name, node, main, profile }: LauncherOptions): string {
  const lines = [
    "@echo off",
    `rem Starts the Plexum plugin ${name}. Its install command writes this file and overwrites changes to it.`,
    `if not defined PLEXUM_PROFILE_ROOT set "PLEXUM_PROFILE_ROOT=${escapePercent(profile)}"`,
    `"${escapePercent(node)}" "${escapePercent(main)}" %*`,
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

const escapePercent = (text: string) => text.replaceAll("%", "%%");
