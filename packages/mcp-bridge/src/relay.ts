export { runRelayCommand } from "./relay-command.ts";
export { type RelayOptions, runRelay } from "./run-relay.ts";
