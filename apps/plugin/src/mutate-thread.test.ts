import { CONSUMED_TEXTS } from "@plexum/plugin-sdk";
import { consumeHeavy, consumeLight } from "@plexum/rollout";
import { expect, test } from "vitest";

test("a consumed result has the same text in codex's record and in the host's", () => {
  expect(consumeLight("call_a").output).toBe(CONSUMED_TEXTS["consume-light"]);
  expect(consumeHeavy("call_a").output).toBe(CONSUMED_TEXTS["consume-heavy"]);
});
