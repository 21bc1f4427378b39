import type { Config, ModelChoice } from "../config.ts";

/** Returns the model and effort to request from codex. Without a model, codex chooses: a ChatGPT login allows nothing else. */
export function modelChoice(modelId: string, { modelArgs }: Pick<Config, "modelArgs">): ModelChoice {
  if (Object.hasOwn(modelArgs, modelId)) return modelArgs[modelId] as ModelChoice;
  return modelId === "" || modelId === "codex" ? {} : { model: modelId };
}
