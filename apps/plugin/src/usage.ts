export const USAGE = `The Plexum provider for OpenAI Codex

usage: plexum-openai-provider COMMAND

  install         install the plugin into a Plexum profile, or update it
  uninstall       remove it from the profile
  doctor          diagnose this machine; --fix repairs what it can
  sessions        list the codex sessions of this machine, and remove results from them
  mcp-unregister  remove an agent's tools from codex's own config
  --version       print the version

Each command has --help. A Plexum host starts the plugin without a command; codex starts it as "mcp-host".
`;
