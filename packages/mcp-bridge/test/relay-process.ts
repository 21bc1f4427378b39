// What a test's codex starts: a program with the relay as its only subcommand.
import { runRelayCommand } from "../src/relay.ts";

process.exit(await runRelayCommand(process.argv.slice(2)));
