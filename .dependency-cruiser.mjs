// Who may import whom. docs/architecture.md says why.

const packages = (...names) => `^packages/(${names.join("|")})/`;

/** What a package imports of the others; everything not named here is forbidden. */
const ALLOWED = {
  "coded-error": [],
  jsonl: [],
  "jsonl-edit": ["coded-error"],
  "codex-jsonl": ["jsonl"],
  rollout: ["coded-error", "jsonl", "jsonl-edit"],
  "session-store": ["coded-error"],
  "codex-sessions": ["coded-error", "session-store", "rollout", "jsonl"],
  "json-rpc": ["coded-error", "jsonl"],
  "cli-turn": ["coded-error", "jsonl"],
  "codex-turn": ["coded-error", "cli-turn", "codex-jsonl"],
  "codex-exec": ["cli-turn", "codex-turn", "codex-jsonl"],
  "codex-app-server": ["cli-turn", "codex-turn", "codex-jsonl", "json-rpc", "rollout"],
  "codex-commands": ["coded-error", "codex-exec", "codex-turn", "session-store", "codex-sessions"],
  "mcp-bridge": ["coded-error", "jsonl"],
  "plugin-sdk": ["coded-error", "json-rpc", "jsonl"],
  profile: ["coded-error"],
};

const TESTS = "(\\.test\\.ts|/test/|/testing/)";

export default {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      // The fuzzer feeds the config's reader, too.
      name: "nothing-imports-an-app",
      severity: "error",
      from: { pathNot: "^(apps|tooling/fuzz)/" },
      to: { path: "^apps/" },
    },
    {
      name: "apps-stay-apart",
      severity: "error",
      from: { path: "^apps/([^/]+)/" },
      to: { path: "^apps/", pathNot: "^apps/$1/" },
    },
    {
      name: "tooling-is-for-tests-and-the-demo",
      severity: "error",
      from: { path: "^(packages|apps/plugin)/", pathNot: TESTS },
      to: { path: "^tooling/" },
    },
    {
      name: "the-mcp-sdk-behind-one-file",
      severity: "error",
      from: { pathNot: ["^packages/mcp-bridge/src/server/mcp-server\\.ts$", "^(tooling|benchmarks)/", TESTS] },
      to: { path: "node_modules/@modelcontextprotocol/sdk" },
    },
    { name: "no-unresolved-imports", severity: "error", from: {}, to: { couldNotResolve: true } },
    ...Object.entries(ALLOWED).map(([name, allowed]) => ({
      name: `imports-of-${name}`,
      severity: "error",
      from: { path: packages(name), pathNot: TESTS },
      to: { path: "^packages/", pathNot: packages(name, ...allowed) },
    })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(packages|apps)/[^/]+/dist/" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
