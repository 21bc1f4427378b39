import type { FuzzTarget } from "./fuzz-target.ts";
import { appServerMessages } from "./targets/app-server-messages.ts";
import { claudeSession } from "./targets/claude-session.ts";
import { codexEvents } from "./targets/codex-events.ts";
import { commandParams } from "./targets/command-params.ts";
import { journals } from "./targets/journals.ts";
import { jsonValues } from "./targets/json-values.ts";
import { jsonlEdits } from "./targets/jsonl-edits.ts";
import { jsonlLines } from "./targets/jsonl-lines.ts";
import { nodeAnswers } from "./targets/node-answers.ts";
import { pluginConfig } from "./targets/plugin-config.ts";
import { pluginProtocol } from "./targets/plugin-protocol.ts";
import { rolloutLines } from "./targets/rollout-lines.ts";
import { rolloutMutations } from "./targets/rollout-mutations.ts";
import { sessionFiles } from "./targets/session-files.ts";
import { undoRecords } from "./targets/undo-records.ts";

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  jsonlLines,
  jsonValues,
  jsonlEdits,
  journals,
  codexEvents,
  appServerMessages,
  pluginProtocol,
  rolloutLines,
  rolloutMutations,
  undoRecords,
  sessionFiles,
  pluginConfig,
  commandParams,
  nodeAnswers,
  claudeSession,
];
