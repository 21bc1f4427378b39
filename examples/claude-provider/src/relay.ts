import { runRelayCommand } from "@plexum/mcp-bridge/relay";

process.exit(await runRelayCommand(process.argv.slice(2)));
