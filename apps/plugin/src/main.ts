#!/usr/bin/env node
import { resolve } from "node:path";
import { keepCompiled } from "./compile-cache.ts";
import { withOutput } from "./with-output.ts";

// Make it absolute: codex runs in the workspace, where a relative path would mean another folder.
if (process.env.CODEX_HOME) process.env.CODEX_HOME = resolve(process.env.CODEX_HOME);

const [subcommand, ...args] = process.argv.slice(2);

// Check this before loading anything else: an older Node would fail with a less helpful error. The doctor has its own check.
if (subcommand !== "doctor" && isOlder(process.versions.node, 22, 18)) {
  process.stderr.write(
    `plexum-openai-provider needs Node 22.18 or later, but this is ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(1);
}

switch (subcommand) {
  case undefined: {
    if (process.stdin.isTTY) {
      process.exitCode = await usage(process.stderr, 1);
      break;
    }
    keepCompiled();
    const { servePlugin } = await import("./serve-plugin.ts");
    await servePlugin();
    break;
  }
  case "mcp-host": {
    // codex starts this for each turn that has tools, so it loads nothing else of the plugin.
    keepCompiled();
    const { runRelayCommand } = await import("@plexum/mcp-bridge/relay");
    process.exit(await runRelayCommand(args));
    break;
  }
  case "install": {
    const { installCommand } = await import("./install/install-command.ts");
    process.exitCode = await withOutput(() => installCommand(args));
    break;
  }
  case "uninstall": {
    const { uninstallCommand } = await import("./install/install-command.ts");
    process.exitCode = await withOutput(() => uninstallCommand(args));
    break;
  }
  case "sessions": {
    const { sessionsCommand } = await import("./sessions/sessions-command.ts");
    process.exitCode = await withOutput(() => sessionsCommand(args));
    break;
  }
  case "doctor": {
    const { doctor } = await import("./doctor/doctor.ts");
    process.exit(await withOutput(() => doctor(args)));
    break;
  }
  case "mcp-unregister": {
    const { unregister } = await import("./install/unregister.ts");
    process.exitCode = await withOutput(() => unregister(args));
    break;
  }
  case "help":
  case "--help":
  case "-h":
    process.exitCode = await usage(process.stdout, 0);
    break;
  case "--version": {
    const { VERSION } = await import("./name.ts");
    process.stdout.write(`${VERSION}\n`);
    break;
  }
  default:
    process.stderr.write(`plexum-openai-provider: there is no subcommand "${subcommand}"\n\n`);
    process.exitCode = await usage(process.stderr, 1);
}

async function usage(stream: NodeJS.WriteStream, exitCode: number): Promise<number> {
  const { USAGE } = await import("./usage.ts");
  stream.write(USAGE);
  return exitCode;
}

function isOlder(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}
