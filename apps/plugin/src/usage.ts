export const USAGE = `The Plexum provider for OpenAI Codex

usage: plexum-openai-provider COMMAND

  install         put the plugin into a Plexum profile, or bring it up to date
  uninstall       take it out again
  doctor          say what is wrong with this machine, and mend it
  sessions        list the codex sessions of this machine
  mcp-unregister  take an agent's tools out of codex's own config
  --version

Each has --help. A Plexum host starts the plugin without a command; codex starts it as "mcp-host".
`;
