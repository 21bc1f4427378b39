export interface LauncherOptions {
  /** The plugin's name, for the comment. */
  readonly name: string;
  /** Absolute paths, all three: a service has no shell's PATH and no home folder to count on. */
  readonly node: string;
  readonly main: string;
  readonly profile: string;
}

/**
 * The executable that a host starts: a script that runs Node on the plugin's program, whatever PATH it is given. The
 * plugin is told which profile it stands in, unless the host says so itself.
 */
export function launcherScript(options: LauncherOptions, platform: NodeJS.Platform = process.platform): string {
  return platform === "win32" ? batchFile(options) : shellScript(options);
}

/** Nothing but what every `sh` has built in. */
function shellScript({ name, node, main, profile }: LauncherOptions): string {
  return `#!/bin/sh
# Starts the Plexum plugin ${name}. Written by its install command, which writes it anew: change nothing here.
if [ -z "$PLEXUM_PROFILE_ROOT" ]; then PLEXUM_PROFILE_ROOT=${quote(profile)}; export PLEXUM_PROFILE_ROOT; fi
exec ${quote(node)} ${quote(main)} "$@"
`;
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Not tried on Windows. */
function batchFile({ name, node, main, profile }: LauncherOptions): string {
  const lines = [
    "@echo off",
    `rem Starts the Plexum plugin ${name}. Written by its install command, which writes it anew: change nothing here.`,
    `if not defined PLEXUM_PROFILE_ROOT set "PLEXUM_PROFILE_ROOT=${escapePercent(profile)}"`,
    `"${escapePercent(node)}" "${escapePercent(main)}" %*`,
  ];
  return lines.map((line) => `${line}\r\n`).join("");
}

const escapePercent = (text: string) => text.replaceAll("%", "%%");
