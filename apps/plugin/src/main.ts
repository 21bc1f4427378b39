#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// Started anew for each host and each codex: what was compiled once is not compiled again.
enableCompileCache();

const [subcommand, ...args] = process.argv.slice(2);

switch (subcommand) {
  case undefined: {
    const { servePlugin } = await import("./serve-plugin.ts");
    await servePlugin();
    break;
  }
  case "mcp-host": {
    // What codex starts for each turn that has tools: nothing else of the plugin is loaded.
    const { runRelayCommand } = await import("@plexum/mcp-bridge/relay");
    process.exit(await runRelayCommand(args));
    break;
  }
  case "sessions": {
    const { sessionsCommand } = await import("./sessions-command.ts");
    process.exitCode = await sessionsCommand(args);
    break;
  }
  case "mcp-unregister": {
    const { unregister } = await import("./unregister.ts");
    process.exitCode = await unregister(args);
    break;
  }
  default:
    process.stderr.write(
      `plexum-openai-provider-plugin: unknown subcommand "${subcommand}"${args.length > 0 ? ` (with ${args.join(" ")})` : ""}. Plexum starts it without any.\n`,
    );
    process.exitCode = 1;
}
