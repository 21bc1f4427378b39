import type { Config } from "./config.ts";

/** The value of `--model`; undefined for none, which leaves the choice to codex: a ChatGPT login allows nothing else. */
export function modelArgument(modelId: string, { modelArgs }: Pick<Config, "modelArgs">): string | undefined {
  if (Object.hasOwn(modelArgs, modelId)) return modelArgs[modelId];
  return modelId === "" || modelId === "codex" ? undefined : modelId;
}
