import type { Check } from "./check.ts";
import { codexConfig, codexFound, codexLogin, codexVersion } from "./codex-checks.ts";
import { codexHome, codexHomePrivate } from "./codex-home-check.ts";
import { config } from "./config-check.ts";
import { allowed, installed, launcher, manifest } from "./install-checks.ts";
import {
  leftoverImages,
  leftoverMutations,
  leftoverProcesses,
  leftoverRegistrations,
  leftoverSockets,
  leftoverThreadLocks,
} from "./leftover-checks.ts";
import { nodeVersion } from "./node-check.ts";
import { rollouts } from "./rollouts-check.ts";
import { socketDirectory } from "./socket-check.ts";
import { turn } from "./turn-check.ts";

/** In the order in which they run and are shown. docs/doctor.md describes each. */
export const CHECKS: readonly Check[] = [
  nodeVersion,
  installed,
  allowed,
  launcher,
  config,
  manifest,
  codexFound,
  codexVersion,
  codexConfig,
  codexLogin,
  codexHome,
  codexHomePrivate,
  rollouts,
  socketDirectory,
  leftoverProcesses,
  leftoverMutations,
  leftoverThreadLocks,
  leftoverSockets,
  leftoverImages,
  leftoverRegistrations,
  turn,
];
