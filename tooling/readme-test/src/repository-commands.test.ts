import { expect, test } from "vitest";
import { namesWhatIsThere } from "./repository-commands.ts";

test.each([
  "npm start -- --chat",
  "npm exec --yes pnpm@12.21.0 -- install --frozen-lockfile",
  "alias pnpm='npm exec pnpm@12.21.0 --'",
  'pnpm exec vitest run packages/jsonl/src/lines.test.ts -t "returns empty lines"',
  "pnpm exec turbo run build --filter=@plexum/jsonl",
  "pnpm exec node benchmarks/parser.ts",
])("%s names what exists", (command) => {
  expect(() => namesWhatIsThere({ commands: [command] })).not.toThrow();
});

test.each([
  ["npm run dance", "no script dance"],
  ["npm exec pnpm@1.0.0 -- install", "the repository's pnpm is"],
  ["pnpm exec vitest run packages/nothing", "no file packages/nothing"],
  ['pnpm exec vitest run packages/jsonl/src -t "never written"', "no test is named never written"],
  ["pnpm exec turbo run build --filter=@plexum/nothing", "no package matches"],
  ["pnpm exec node nothing.ts", "no file nothing.ts"],
  ["pnpm exec rm -r .", "no check for rm"],
  ["curl example.com", "no check for such a command"],
])("%s does not", (command, fault) => {
  expect(() => namesWhatIsThere({ commands: [command] })).toThrow(fault);
});
