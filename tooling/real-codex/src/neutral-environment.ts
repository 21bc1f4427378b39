/** With one of these, Node, codex or a shell prints other text: colors, log lines, another width. */
const OUTPUT_VARIABLES = new Set([
  "CI",
  "COLORTERM",
  "COLUMNS",
  "FORCE_COLOR",
  "LINES",
  "NODE_DISABLE_COLORS",
  "NO_COLOR",
  "RUST_LOG",
  "TEAMCITY_VERSION",
  "TMUX",
]);

/** Returns an environment without the variables that configure codex or change what a program prints. */
export const neutralEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(CODEX|OPENAI)_/.test(name) && !OUTPUT_VARIABLES.has(name)),
  );
