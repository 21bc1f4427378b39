import { access } from "node:fs/promises";
import { type Check, count, ok } from "./check.ts";

export const config: Check = {
  id: "config",
  meaning: "The plugin does not start: it refuses a config that it can't read.",
  remedy: "Correct the file as the message says. Or remove it and install again, which writes a new one.",
  async run(context) {
    const { path, warnings } = await context.loadedConfig();
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) return ok(`there is no ${path}: the defaults apply`);
    if (warnings.length === 0) return ok(path);
    return {
      status: "warning",
      title: `${path} has ${count(warnings.length, "unknown key", "unknown keys")}`,
      detail: warnings.join("\n"),
      meaning: "The key has no effect.",
      remedy: "Correct its name, or remove it.",
    };
  },
};
