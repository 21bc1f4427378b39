import type { Config, ModelChoice } from "../config.ts";

/** What codex is asked for. Without a model the choice is codex's own: a ChatGPT login allows nothing else. */
export function modelChoice(modelId: string, { modelArgs }: Pick<Config, "modelArgs">): ModelChoice {
  if (Object.hasOwn(modelArgs, modelId)) return modelArgs[modelId] as ModelChoice;
  return modelId === "" || modelId === "codex" ? {} : { model: modelId };
}
