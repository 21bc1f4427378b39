export { runRelayCommand } from "./relay/relay-command.ts";
export { type RelayOptions, runRelay } from "./relay/run-relay.ts";
