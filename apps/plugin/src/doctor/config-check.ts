import { access } from "node:fs/promises";
import { type Check, count, ok } from "./check.ts";

export const config: Check = {
  id: "config",
  meaning: "The plugin does not start, because it can't use its config.",
  remedy: "Correct the file as the message says, or remove it and install again to create a new one.",
  async run(context) {
    const { path, warnings } = await context.loadedConfig();
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) return ok(`${path} does not exist: the defaults apply`);
    if (warnings.length === 0) return ok(path);
    return {
      status: "warning",
      title: `${path} has ${count(warnings.length, "unknown key", "unknown keys")}`,
      detail: warnings.join("\n"),
      meaning: "An unknown key has no effect.",
      remedy: "Correct the key's name, or remove the key.",
    };
  },
};
